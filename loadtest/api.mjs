// SPDX-License-Identifier: Apache-2.0
// How many requests a second the HTTP surface of a node answers: node loadtest/api.mjs [http://127.0.0.1:8080] [seconds]
// For a node of its own on this machine (busbar start --insecure): it makes and deletes a namespace called load-test.
import http from 'node:http';

const endpoint = new URL(process.argv[2] ?? 'http://127.0.0.1:8080');
const seconds = Number(process.argv[3] ?? 5);
if (!['127.0.0.1', 'localhost', '[::1]'].includes(endpoint.hostname)) {
  console.error('only a node on this machine is loaded');
  process.exit(2);
}
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
const ask = (method, path, body, type = 'application/json') =>
  new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const headers = bytes ? { 'content-type': type, 'content-length': bytes.length } : {};
    const request = http.request(
      { agent, host: endpoint.hostname, port: endpoint.port, method, path, headers },
      (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode >= 400) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          else resolve(text === '' ? {} : JSON.parse(text));
        });
      });
    request.on('error', reject);
    request.end(bytes);
  });

// so many at once, one after the other each, for so long
const rate = async (what, atOnce, units, one) => {
  const end = Date.now() + seconds * 1000;
  let done = 0;
  let serial = 0;
  const took = [];
  const begun = Date.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (Date.now() < end) {
      const from = performance.now();
      await one(serial++);
      took.push(performance.now() - from);
      done += units;
    }
  }));
  took.sort((a, b) => a - b);
  const at = (part) => took[Math.floor(took.length * part)].toFixed(1).padStart(8);
  const perSecond = Math.round((done * 1000) / (Date.now() - begun)).toLocaleString('en').padStart(9);
  console.log(`${what.padEnd(42)} ${perSecond}/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`);
};

const ns = '/namespaces/load-test';
const topic = '/topics/load-test';
const version = 'api-version=2024-06-01';
const subscription = `${topic}/eventsubscriptions/all`;
const event = (i) => ({ specversion: '1.0', id: String(i), source: '/load', type: 'Load.Test', data: { i, text: 'x'.repeat(100) } });
const tokens = (value) => JSON.stringify({ lockTokens: value.map((one) => one.brokerProperties.lockToken) });
const drain = async () => {
  for (;;) {
    const { value } = await ask('POST', `${subscription}:receive?${version}&maxEvents=100&maxWaitTime=10`);
    if (value.length === 0) return;
    await ask('POST', `${subscription}:acknowledge?${version}`, tokens(value));
  }
};

const put = (path, properties) => ask('PUT', `${ns}${path}`, JSON.stringify({ properties }));
await ask('DELETE', ns);
await put('', {});
await rate('resource writes (PUT client, durable)', 64, 1, (i) => put(`/clients/c${i}`, { attributes: { type: 'load', number: i } }));
await rate('resource reads (GET client)', 32, 1, (i) => ask('GET', `${ns}/clients/c${i % 1000}`));
await put('/topics/load-test', {});
await put('/topics/load-test/eventSubscriptions/all', { deliveryConfiguration: { deliveryMode: 'Queue' } });
await rate('events published and received, one by one', 64, 1, async (i) => {
  await ask('POST', `${topic}:publish?${version}`, JSON.stringify(event(i)), 'application/cloudevents+json');
  const { value } = await ask('POST', `${subscription}:receive?${version}&maxEvents=1`);
  await ask('POST', `${subscription}:acknowledge?${version}`, tokens(value));
});
await drain();
await rate('events published and received, 100 at once', 16, 100, async (i) => {
  const batch = JSON.stringify(Array.from({ length: 100 }, (unused, k) => event(100 * i + k)));
  await ask('POST', `${topic}:publish?${version}`, batch, 'application/cloudevents-batch+json');
  const { value } = await ask('POST', `${subscription}:receive?${version}&maxEvents=100`);
  await ask('POST', `${subscription}:acknowledge?${version}`, tokens(value));
});
await ask('DELETE', ns);
agent.destroy();
