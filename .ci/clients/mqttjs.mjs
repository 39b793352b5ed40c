// SPDX-License-Identifier: Apache-2.0
// MQTT.js against a broker that lets anyone do anything: node mqttjs.mjs MODULES TCP-URL WS-URL
// MODULES is the directory below which node_modules/mqtt is. Each version of the protocol over each
// transport has topics and client ids of its own, so that all four go at once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { Client, within } from './client.mjs';

const [modules, tcp, ws] = process.argv.slice(2);
const mqtt = createRequire(join(resolve(modules), 'here.js'))('mqtt');

// --- both versions ---

async function everyQos(run) {
  const a = await Client.connect(run, 'qos');
  const topic = `${run.prefix}zähler/µ/状態`;
  await a.listen(topic, { qos: 2 });
  for (const qos of [0, 1, 2]) {
    for (const payload of [Buffer.from('text ☂'), Buffer.alloc(0), randomBytes(100_000)]) {
      await a.send(topic, payload, { qos });
      const got = await a.next();
      assert.equal(got.topic, topic);
      assert.equal(got.packet.qos, qos);
      assert.equal(got.packet.retain, false);
      assert.ok(payload.equals(got.payload), `payload at QoS ${qos}`);
    }
  }
  await a.end();
}

async function retained(run) {
  const a = await Client.connect(run, 'retain');
  const topic = `${run.prefix}kept`;
  for (const qos of [0, 1, 2]) await a.send(`${topic}/${qos}`, `v${qos}`, { qos, retain: true });
  await a.send(`${topic}/1`, 'newer', { qos: 1, retain: true });
  await a.listen(`${topic}/#`, { qos: 2 });
  const got = [await a.next(), await a.next(), await a.next()];
  assert.ok(got.every((m) => m.packet.retain), 'RETAIN is set');
  assert.deepEqual(
    got.map((m) => `${m.payload} ${m.packet.qos}`).sort(),
    ['newer 1', 'v0 0', 'v2 2'],
  );
  await a.unsubscribe(`${topic}/#`);
  for (const qos of [0, 1, 2]) await a.send(`${topic}/${qos}`, '', { qos, retain: true });
  await a.send(`${topic}/9`, 'last', { qos: 1, retain: true });
  await a.listen(`${topic}/#`, { qos: 2 });
  assert.equal((await a.next()).payload.toString(), 'last', 'what was cleared is gone');
  await a.send(`${topic}/9`, '', { qos: 1, retain: true });
  await a.end();
}

async function will(run) {
  const a = await Client.connect(run, 'heir');
  const topic = `${run.prefix}will`;
  await a.listen(topic, { qos: 2 });
  const last = (payload) => ({ will: { topic, payload, qos: 1, retain: false } });
  const orderly = await Client.connect(run, 'orderly', last('must not come'));
  await orderly.end();
  const broken = await Client.connect(run, 'broken', last('gone'));
  await broken.breakOff();
  const got = await a.next();
  assert.equal(got.payload.toString(), 'gone');
  assert.equal(got.packet.qos, 1);
  await a.end();
}

function stored(run, more = {}) {
  return run.version === 5
    ? { clean: false, properties: { sessionExpiryInterval: 300, ...more } }
    : { clean: false };
}

async function storedSession(run) {
  const topic = `${run.prefix}away`;
  const before = await Client.connect(run, 'stored', stored(run));
  assert.equal(before.connack.sessionPresent, false);
  await before.listen(topic, { qos: 2 });
  await before.end();
  const other = await Client.connect(run, 'storing');
  for (let i = 0; i < 10; i++) await other.send(topic, `m${i}`, { qos: 1 + (i % 2) });
  const again = await Client.connect(run, 'stored', stored(run));
  assert.equal(again.connack.sessionPresent, true);
  const got = [[], [], []];
  for (let i = 0; i < 10; i++) {
    const message = await again.next();
    got[message.packet.qos].push(message.payload.toString());
  }
  // in order for each QoS; between them the client has none, as it shows QoS 2 at PUBREL
  assert.deepEqual(got, [[], ['m0', 'm2', 'm4', 'm6', 'm8'], ['m1', 'm3', 'm5', 'm7', 'm9']]);
  await other.send(topic, 'live', { qos: 2 });
  assert.deepEqual(await again.texts(1), ['live']);
  await again.end();
  await forget(run, 'stored');
  await other.end();
}

async function forget(run, name) {
  const last = await Client.connect(run, name, { clean: true });
  assert.equal(last.connack.sessionPresent, false, 'a clean start resumes nothing');
  await last.end();
}

async function shares(run) {
  const topic = `${run.prefix}work`;
  const members = [await Client.connect(run, 'worker1'), await Client.connect(run, 'worker2')];
  const got = [[], []];
  const watcher = await Client.connect(run, 'watcher');
  for (const member of members) await member.listen(`$share/crew/${topic}`, { qos: 1 });
  await watcher.listen(topic, { qos: 1 });
  const messages = Array.from({ length: 20 }, (_, i) => `job ${i}`);
  for (const message of messages) await watcher.send(topic, message, { qos: 1 });
  assert.deepEqual(await watcher.texts(20), messages, 'who does not share gets all of them');
  const take = async (i) => {
    for (;;) {
      const text = (await members[i].next()).payload.toString();
      if (text === 'end') return;
      got[i].push(text);
    }
  };
  // each member ends with a message of its own, which comes after those of the share
  for (const member of members) await member.listen(`${topic}/end`, { qos: 1 });
  const taken = [take(0), take(1)];
  await watcher.send(`${topic}/end`, 'end', { qos: 1 });
  await Promise.all(taken);
  assert.deepEqual([...got[0], ...got[1]].sort(), [...messages].sort(), 'each job once');
  assert.ok(got[0].length > 0 && got[1].length > 0, 'both have something to do');
  for (const client of [...members, watcher]) await client.end();
}

// --- MQTT 5 ---

async function identifiers(run) {
  const a = await Client.connect(run, 'ids');
  const topic = `${run.prefix}ids/x`;
  await a.listen(topic, { qos: 1, properties: { subscriptionIdentifier: 7 } });
  await a.listen(`${run.prefix}ids/+`, { qos: 2, properties: { subscriptionIdentifier: 268_435_455 } });
  await a.send(topic, 'both', { qos: 2 });
  const got = await a.next();
  assert.equal(got.packet.qos, 2);
  assert.deepEqual([got.packet.properties.subscriptionIdentifier].flat().sort(), [268_435_455, 7]);
  await a.end();
}

async function aliases(run) {
  const topic = `${run.prefix}a/long/topic/that/need/not/be/sent/again`;
  const to = await Client.connect(run, 'alias-in', { properties: { topicAliasMaximum: 5 } });
  await to.listen(`${run.prefix}a/#`, { qos: 0 });
  const from = await Client.connect(run, 'alias-out', { autoAssignTopicAlias: true });
  assert.ok(from.connack.properties.topicAliasMaximum > 0, 'aliases are offered');
  for (let i = 0; i < 10; i++) {
    await from.send(topic, `m${i}`, { qos: i % 3 });
    const got = await to.next();
    assert.equal(got.topic, topic);
    assert.equal(got.payload.toString(), `m${i}`);
  }
  const publishes = (packets) => packets.filter((packet) => packet.cmd === 'publish');
  const short = (packet) => packet.topic.length === 0 && packet.properties.topicAlias > 0;
  assert.ok(publishes(from.sent).filter(short).length >= 9, 'the client used its alias');
  const received = publishes(to.received);
  assert.ok(received.filter((p) => p.properties?.topicAlias).every((p) => p.properties.topicAlias <= 5));
  assert.ok(received.some(short), 'the server used one too');
  await to.end();
  await from.end();
}

async function properties(run) {
  const a = await Client.connect(run, 'properties');
  await a.listen(`${run.prefix}ask`, { qos: 1 });
  const sent = {
    userProperties: { trip: ['1', '2'], 'unit ☂': 'km' },
    responseTopic: `${run.prefix}answer`,
    correlationData: randomBytes(16),
    contentType: 'text/plain',
    payloadFormatIndicator: true,
  };
  const b = await Client.connect(run, 'asker');
  await b.listen(sent.responseTopic, { qos: 1 });
  await b.send(`${run.prefix}ask`, '?', { qos: 1, properties: sent });
  const asked = (await a.next()).packet.properties;
  assert.deepEqual({ ...asked.userProperties }, sent.userProperties);
  assert.equal(asked.contentType, sent.contentType);
  assert.equal(asked.payloadFormatIndicator, true);
  await a.send(asked.responseTopic, '!', { qos: 1, properties: { correlationData: asked.correlationData } });
  const answer = await b.next();
  assert.equal(answer.payload.toString(), '!');
  assert.ok(sent.correlationData.equals(answer.packet.properties.correlationData));
  await a.end();
  await b.end();
}

async function expiry(run) {
  const topic = `${run.prefix}soon`;
  const before = await Client.connect(run, 'late', stored(run));
  await before.listen(topic, { qos: 1 });
  await before.end();
  const other = await Client.connect(run, 'hasty');
  await other.send(topic, 'stale', { qos: 1, properties: { messageExpiryInterval: 1 } });
  await other.send(topic, 'fresh', { qos: 1, properties: { messageExpiryInterval: 600 } });
  await new Promise((done) => setTimeout(done, 2_100)); // what is waited for is the time itself
  const again = await Client.connect(run, 'late', stored(run));
  const got = await again.next();
  assert.equal(got.payload.toString(), 'fresh');
  const rest = got.packet.properties.messageExpiryInterval;
  assert.ok(rest > 0 && rest <= 598, `Message Expiry Interval ${rest} counts down`);
  await again.end();
  await forget(run, 'late');
  await other.end();
}

async function oneAtATime(run) {
  const topic = `${run.prefix}one`;
  const a = await Client.connect(run, 'narrow', { properties: { receiveMaximum: 1 } });
  await a.listen(topic, { qos: 2 });
  const b = await Client.connect(run, 'wide');
  const messages = Array.from({ length: 20 }, (_, i) => `m${i}`);
  await Promise.all(messages.map((message) => b.send(topic, message, { qos: 2 })));
  assert.deepEqual(await a.texts(20), messages);
  // no PUBLISH before the PUBCOMP of the one before
  let flying = 0;
  let seen = 0;
  for (const [sent, packet] of a.trace) {
    if (!sent && packet.cmd === 'publish') {
      seen++;
      assert.equal(++flying, 1, 'in flight at once');
    } else if (sent && packet.cmd === 'pubcomp') {
      flying--;
    }
  }
  assert.equal(seen, 20);
  await a.end();
  await b.end();
}

async function packetSize(run) {
  const topic = `${run.prefix}size`;
  const a = await Client.connect(run, 'small', { properties: { maximumPacketSize: 200 } });
  await a.listen(topic, { qos: 1 });
  const b = await Client.connect(run, 'large');
  await b.send(topic, 'x'.repeat(300), { qos: 1 });
  await b.send(topic, 'fits', { qos: 1 });
  assert.deepEqual(await a.texts(1), ['fits']);
  assert.ok(a.received.every((packet) => (packet.length ?? 0) < 200));
  await a.end();
  await b.end();
}

async function noLocal(run) {
  const topic = `${run.prefix}own`;
  const a = await Client.connect(run, 'speaker');
  const b = await Client.connect(run, 'listener');
  await a.listen(topic, { qos: 1, nl: true });
  await b.listen(topic, { qos: 1, nl: true });
  await a.send(topic, "a's", { qos: 1 });
  await b.send(topic, "b's", { qos: 1 });
  assert.deepEqual(await a.texts(1), ["b's"]);
  assert.deepEqual(await b.texts(1), ["a's"]);
  await a.end();
  await b.end();
}

async function retainHandling(run) {
  const topic = `${run.prefix}handling`;
  const a = await Client.connect(run, 'handler');
  await a.send(topic, 'kept', { qos: 1, retain: true });
  await a.send(`${topic}/mark`, 'mark', { qos: 1, retain: true });
  // in the same SUBSCRIBE another one, which always gets what is retained: that comes last
  const seen = async (rh, rap = false) => {
    await a.listen({ [topic]: { qos: 1, rh, rap }, [`${topic}/mark`]: { qos: 1, rh: 0 } });
    const got = [];
    for (;;) {
      const message = await a.next();
      if (message.payload.toString() === 'mark') return got;
      got.push(`${message.payload} ${message.packet.retain}`);
    }
  };
  assert.deepEqual(await seen(2), [], '2: not at all');
  assert.deepEqual(await seen(1), [], '1: not to a subscription that exists');
  assert.deepEqual(await seen(0), ['kept true'], '0: always');
  await a.unsubscribe(topic);
  assert.deepEqual(await seen(1), ['kept true'], '1: to a new one');
  await a.send(topic, 'live', { qos: 1, retain: true });
  assert.equal((await a.next()).packet.retain, false, 'RETAIN of a live message is cleared');
  await seen(2, true);
  await a.send(topic, '', { qos: 1, retain: true });
  assert.equal((await a.next()).packet.retain, true, 'unless it is asked for as published');
  await a.send(`${topic}/mark`, '', { qos: 1, retain: true });
  await a.end();
}

async function reasonCodes(run) {
  const a = await Client.connect(run, 'reasons');
  const last = (cmd) => a.received.findLast((packet) => packet.cmd === cmd);
  await a.send(`${run.prefix}nobody/listens`, 'x', { qos: 1 });
  assert.equal(last('puback').reasonCode, 0x10);
  assert.equal((await a.publish('$SYS/mine', 'x', { qos: 1 })).code, 0x87);
  assert.ok(last('puback').properties.reasonString.length > 0, 'and says why');
  const { granted, error } = await a.subscribe('$share//x', { qos: 1 });
  assert.ok(error || granted[0].qos === 0x8f, 'a filter that has no valid form is refused');
  assert.deepEqual([...last('suback').granted], [0x8f]);
  await a.unsubscribe(`${run.prefix}never`);
  assert.deepEqual([...last('unsuback').granted], [0x11]);
  const successor = await Client.connect(run, 'reasons');
  await within(a.closed, 'the connection whose session was taken over ends');
  assert.equal(last('disconnect').reasonCode, 0x8e);
  await successor.end();
}

const BOTH = [
  ['QoS 0, 1 and 2', everyQos],
  ['retained messages: set, read, cleared', retained],
  ['a will, and none after DISCONNECT', will],
  ['a stored session', storedSession],
  ['a shared subscription', shares],
];
const FIVE = [
  ['subscription identifiers', identifiers],
  ['topic aliases, both ways', aliases],
  ['user properties, response topic, correlation data', properties],
  ['message expiry', expiry],
  ['Receive Maximum 1, 20 messages of QoS 2', oneAtATime],
  ['Maximum Packet Size', packetSize],
  ['no-local', noLocal],
  ['retain handling 0, 1 and 2, retain as published', retainHandling],
  ['reason codes', reasonCodes],
];

async function all(version, transport, url) {
  const run = {
    mqtt,
    version,
    url,
    prefix: `js${version}${transport}-${process.pid}/`,
    clients: [],
  };
  const label = `MQTT.js, MQTT ${version === 4 ? '3.1.1' : '5'}, ${transport}`;
  for (const [what, check] of version === 4 ? BOTH : [...BOTH, ...FIVE]) {
    try {
      await check(run);
    } catch (e) {
      console.error(`✗ ${label}: ${what}\n${e.stack}`);
      process.exit(1);
    }
    console.log(`✓ ${label}: ${what}`);
  }
}

await Promise.all([all(4, 'tcp', tcp), all(4, 'ws', ws), all(5, 'tcp', tcp), all(5, 'ws', ws)]);
// clients that were broken off on purpose hold nothing open; what else does is a defect of this file
process.exit(0);
