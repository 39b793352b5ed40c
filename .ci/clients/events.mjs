// SPDX-License-Identifier: Apache-2.0
// What Azure's own client for events does with a topic: node events.mjs MODULES ENDPOINT KEY TOPIC SUBSCRIPTION
// (the node's certificate is trusted by NODE_EXTRA_CA_CERTS; http needs none). Ends with 0 if all of it went well.
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { join } from 'node:path';

const [modules, endpoint, key, topic, subscription] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const { EventGridSenderClient, EventGridReceiverClient } = require('@azure/eventgrid-namespaces');
const { AzureKeyCredential } = require('@azure/core-auth');
const options = { allowInsecureConnection: endpoint.startsWith('http:'), retryOptions: { maxRetries: 0 } };
const client = (Type, credential, ...names) => new Type(endpoint, new AzureKeyCredential(credential), ...names, options);
const sender = client(EventGridSenderClient, key, topic);
const receiver = client(EventGridReceiverClient, key, topic, subscription);

const event = (id, data) => ({ id, type: 'plant.measured', source: '/plant', subject: `line/${id}`, time: new Date(), data });
const receive = async (maxEvents, maxWaitTime = 10) => (await receiver.receiveEvents({ maxEvents, maxWaitTime })).details;
const tokens = (details) => details.map((one) => one.brokerProperties.lockToken);

try {
  // one, and several at once
  await sender.sendEvents(event('one', { celsius: 21.5 }));
  await sender.sendEvents([event('two', 'text'), event('three', [1, 2])]);
  const first = await receive(1);
  assert.equal(first.length, 1);
  assert.equal(first[0].brokerProperties.deliveryCount, 1);
  assert.equal(first[0].event.id, 'one');
  assert.equal(first[0].event.subject, 'line/one');
  assert.deepEqual(first[0].event.data, { celsius: 21.5 });
  const others = await receive(10);
  assert.deepEqual(others.map((one) => one.event.id), ['two', 'three']);

  // acknowledged, released, rejected, renewed
  const acknowledged = await receiver.acknowledgeEvents(tokens(first));
  assert.deepEqual(acknowledged.succeededLockTokens, tokens(first));
  assert.equal(acknowledged.failedLockTokens.length, 0);
  const renewed = await receiver.renewEventLocks(tokens(others));
  assert.equal(renewed.succeededLockTokens.length, 2);
  const [two, three] = tokens(others);
  assert.equal((await receiver.releaseEvents([two])).succeededLockTokens.length, 1);
  assert.equal((await receiver.rejectEvents([three])).succeededLockTokens.length, 1);
  const again = await receive(10);
  assert.deepEqual(again.map((one) => one.event.id), ['two']);
  assert.equal(again[0].brokerProperties.deliveryCount, 2);
  assert.equal((await receiver.acknowledgeEvents(tokens(again))).succeededLockTokens.length, 1);

  // tokens of nobody, and of before
  const failed = (await receiver.acknowledgeEvents(['nonsense', tokens(first)[0]])).failedLockTokens;
  assert.deepEqual(failed.map((one) => one.error.code).sort(), ['BadToken', 'TokenLost']);

  // a receiver that waits is told at once
  const waits = receive(5, 60);
  await new Promise((done) => setTimeout(done, 300));
  const sent = Date.now();
  await sender.sendEvents(event('four', {}));
  const told = await waits;
  assert.deepEqual(told.map((one) => one.event.id), ['four']);
  assert.ok(Date.now() - sent < 2000, 'told at once');
  await receiver.acknowledgeEvents(tokens(told));

  // errors come with their status and code
  if (key !== 'any') {
    const stranger = await client(EventGridSenderClient, 'c3RyYW5nZXI=', topic).sendEvents(event('x', {})).catch((e) => e);
    assert.equal(stranger.statusCode, 401, stranger.message);
  }
  const nowhere = await client(EventGridSenderClient, key, 'nowhere').sendEvents(event('x', {})).catch((e) => e);
  assert.equal(nowhere.statusCode, 404, nowhere.message);
  console.log('eventgrid-namespaces: all as it should be');
} catch (e) {
  console.error(e);
  process.exit(1);
}
