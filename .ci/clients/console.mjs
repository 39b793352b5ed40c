// SPDX-License-Identifier: Apache-2.0
// Walks through the web console as an operator does, and judges what is there. See .ci/console.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [modules, chromium, home, api, port, cluster, pictures] = process.argv.slice(2);
const require = createRequire(resolve(modules, 'node_modules', 'any.js'));
const puppeteer = (await import(require.resolve('puppeteer-core'))).default;
const mqtt = require('mqtt');

const [owner, operator, reader] = ['owner', 'operator', 'reader'].map((role) => readFileSync(`${home}/${role}-key`, 'utf8'));
/** How long something may take on a machine that does much else, in milliseconds. */
const PATIENCE = 180_000;
const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

function ok(what) {
  console.log(`✓ ${what}`);
}

// --- a node with something to see ---

/** Until the node answers at all: it has just been started. */
async function patiently(url, options) {
  for (const end = Date.now() + PATIENCE; ; ) {
    try {
      return await fetch(url, options);
    } catch (e) {
      if (Date.now() > end) {
        throw e;
      }
    }
  }
}

async function ask(method, path, body) {
  const answer = await patiently(`${api}${path}`, {
    method,
    headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer;
}

function client(name, options = {}) {
  return mqtt.connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: Number(port),
    protocolVersion: 5,
    connectTimeout: PATIENCE,
    clientId: name,
    username: name,
    ca: readFileSync(`${home}/ca.pem`),
    cert: readFileSync(`${home}/clients/${options.of ?? name}.pem`),
    key: readFileSync(`${home}/clients/${options.of ?? name}-key.pem`),
    ...options,
  });
}

const lines = Array.from({ length: 60 }, (_, i) =>
  JSON.stringify({ name: `press-${String(i + 1).padStart(3, '0')}`, attributes: { type: 'press', hall: 1 + (i % 3) } }),
);
await ask('POST', '/namespaces/plant/importClients', lines.join('\n'));
await ask('PUT', '/namespaces/plant/topics/messages/eventSubscriptions/archive', {
  properties: { deliveryConfiguration: { deliveryMode: 'Queue' } },
});

const stored = { clean: false, properties: { sessionExpiryInterval: 3600 } };
const app = await client('map-app', stored);
await app.subscribeAsync('vehicles/+/position', { qos: 1 });
const mobile = await client('mobile-app', stored);
await mobile.subscribeAsync('vehicles/+/position', { qos: 1 });
await mobile.endAsync();
const all = await client('operator');
await all.subscribeAsync('#', { qos: 0 });
const vehicles = [await client('vehicle01'), await client('vehicle02')];
let turn = 0;
let isOver = false;

async function drive() {
  while (!isOver) {
    turn++;
    const lat = (48.1 + Math.sin(turn / 40) / 10).toFixed(4);
    const burst = 1 + Math.round(2 + 2 * Math.sin(turn / 25));
    for (let i = 0; i < burst; i++) {
      const which = (turn + i) % 2;
      await vehicles[which].publishAsync(
        `vehicles/vehicle0${which + 1}/position`,
        JSON.stringify({ lat: Number(lat), lon: 11.5, speed: 50 + (turn % 30) }),
        { qos: 1, properties: { contentType: 'application/json' } },
      );
    }
    if (turn % 10 === 0) {
      await vehicles[0].publishAsync('vehicles/vehicle02/position', 'forged', { qos: 1 }).catch(() => {}); // denied
    }
    await sleep(50);
  }
}
await vehicles[0].publishAsync('vehicles/vehicle01/position', HOSTILE, { qos: 1, retain: true });
await vehicles[1].publishAsync('vehicles/vehicle02/position', Buffer.from([0, 1, 2, 254, 255]), { qos: 1, retain: true });
const driving = drive();

// --- the browser ---

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: 'shell',
  acceptInsecureCerts: true, // the authority is one for trials
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-color-profile=srgb'],
  timeout: PATIENCE,
  protocolTimeout: PATIENCE,
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.setViewport({ width: 1280, height: 820 });
await page.evaluateOnNewDocument(() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
});
const wrong = [];
const asked = [];
page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
page.on('console', (message) => {
  // the browser says by itself that a key, or a filter, was refused
  if (message.type() === 'error' && !/status of 40[01]/.test(message.text())) {
    wrong.push(`console: ${message.text()}`);
  }
});
page.on('request', (request) => asked.push(request.url()));

const text = () => page.$eval('main', (main) => main.innerText);

async function see(pattern, what) {
  await page
    .waitForFunction((source) => new RegExp(source, 's').test(document.querySelector('main').innerText), {}, pattern.source)
    .catch(async (e) => {
      throw new Error(`${what}: nothing like ${pattern} in:\n${await text()}`, { cause: e });
    });
  ok(what);
}

async function open(section) {
  await page.click(`nav a[href="#/${section}"]`);
  await page.waitForSelector(`[data-ready="${section}"]`);
}

async function scheme(value) {
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value },
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ]);
}

async function picture(name, theme) {
  if (pictures !== '') {
    await scheme(theme);
    await page.evaluate(() => document.activeElement.blur());
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${pictures}/${name}-${theme}.png`, optimizeForSpeed: false });
    await scheme('light');
  }
}

async function signIn(key) {
  await page.waitForSelector('#key');
  await page.$eval('#key', (input) => (input.value = ''));
  await page.type('#key', key);
  await page.click('form.sign-in button');
}

await scheme('light');
await page.goto(`${api}/console`);
await see(/Sign in.*Key/, 'without a key there is nothing to see');
await signIn('not-a-key');
await see(/the key is not known/, 'a wrong key is refused');
await signIn(reader);
await page.waitForSelector('nav:not([hidden]) a');
await open('tail');
await see(/role reader.*operator or owner/, 'a reader does not see messages pass');
await page.click('#leave');
await signIn(operator);
await page.waitForSelector('nav:not([hidden]) a');
assert.match(await page.$eval('#who', (who) => who.textContent), /alice \(operator\)/);
ok('an operator is let in, and named');

assert.deepEqual(await page.cookies(), []);
assert.ok(!asked.some((url) => url.includes(operator) || url.includes(reader)), 'a key is in an address');
ok('no cookie, and no key in an address');

await see(/Messages in.*Messages out.*Store, p99.*Kept.*Latency/, 'overview');
await sleep(pictures === '' ? 6_000 : 45_000); // so that there is something to draw
await page.waitForSelector('.tile .spark .line');
await page.waitForFunction(() => parseFloat(document.querySelectorAll('.tile-value')[1].textContent) > 0);
ok('rates move');
await picture('overview', 'light');
await picture('overview', 'dark');

await open('cluster');
await see(/has its store alone/, 'cluster');

await open('clients');
await see(/map-app.*page 1.*map-app/, 'clients and sessions');
await page.type('input[type=search]', 'press-05');
await see(/press-050.*press-059/, 'clients are found by a part of their name');
assert.ok(!(await text()).includes('press-049'));
await page.$eval('input[type=search]', (input) => {
  input.value = '';
  input.dispatchEvent(new Event('input'));
});
await see(/press-001.*page 1/, 'and all are there again');
await page.click('.pager button:last-child');
await see(/page 2/, 'the next page');
await page.$$eval('button.link', (links) => links.find((link) => link.textContent === 'mobile-app').click());
await see(/Session mobile-app.*vehicles\/\+\/position/, 'a session, and what it subscribed to');

await open('access');
await see(/own-position.*vehicles-report.*operators/, 'topic spaces, bindings, groups');
const fields = await page.$$('#explain input');
await fields[0].type('vehicle01');
await fields[1].type('vehicles/vehicle02/position');
await page.click('#explain button');
await see(/denied.*vehicle01 may not publish to.*vehicles\/\$\{client\.authenticationName\}\/position → vehicles\/vehicle01\/position/, 'explain says no, and why');
await picture('access', 'light');
await page.$eval('#explain', (form) => (form.querySelectorAll('input')[1].value = 'vehicles/vehicle01/position'));
await page.click('#explain button');
await see(/allowed.*vehicle01 may publish to.*matches/, 'explain says yes, and why');
await page.$eval('#explain', (form) => (form.querySelectorAll('input')[1].value = 'a/+'));
await page.click('#explain button');
await see(/publish: .*\+/, 'explain says what is wrong with a topic');

await open('events');
await see(/messages\/archive.*received on request.*messages\/positions/, 'event subscriptions');
await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('archive') && Number(row.cells[2].textContent.replaceAll(',', '')) > 0));
ok('a backlog is seen');

await open('retained');
await see(/vehicles\/vehicle01\/position.*vehicles\/vehicle02\/position/, 'retained messages');
await page.$$eval('button.link', (links) => links[0].click());
await see(/onerror=/, 'a payload is text, whatever it has');
await page.$$eval('button.link', (links) => links[1].click());
await see(/0000 {2}00 01 02 fe ff/, 'what is no text is shown in hexadecimal digits');
await page.$eval('main form input', (input) => (input.value = 'a/#/b'));
await page.click('main form button');
await see(/filter: .*#/, 'a filter that is none is refused');

await open('tail');
await page.$eval('#watch input', (input) => (input.value = 'vehicles/#'));
await page.click('#watch button');
await see(/vehicles\/vehicle01\/position.*vehicle01.*\{"lat":/, 'messages are seen as they come');
await page.waitForFunction(() => document.querySelectorAll('.tail tbody tr').length > 30);
await picture('tail', 'dark');
await page.click('#watch button');
await see(/stopped/, 'until it is stopped');

await open('losses');
await see(/not authorized.*the publisher had no permission.*Reasons that did not occur.*queue full/, 'the loss ledger');

// by keys alone: the first stop leads past the bar, then come the sections
await page.goto(`${api}/console/`);
await page.waitForSelector('[data-ready="overview"]');
ok('it is still signed in when it is read again');
await page.keyboard.press('Tab');
assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the page');
const bare = await page.$$eval('input, select, button, svg[role=img]', (all) =>
  all.filter((one) => !(one.labels?.length > 0 || one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML),
);
assert.deepEqual(bare, []);
ok('it can be used without a mouse, and everything has a name');

await page.click('#theme');
await page.click('#theme');
assert.equal(await page.$eval('html', (html) => getComputedStyle(html).colorScheme), 'dark');
ok('dark where it is asked for');
await page.click('#theme');

/** The contrast of a text and what is behind it, as WCAG 2 has it. */
for (const theme of ['light', 'dark']) {
  await scheme(theme);
  const poor = await page.evaluate(() => {
    const light = (colour) => {
      const [r, g, b] = colour.match(/[\d.]+/g).map((part) => Number(part) / 255);
      const linear = (one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const behind = (element) => {
      for (let at = element; at !== null; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (!colour.startsWith('rgba(') || !colour.endsWith(' 0)')) {
          return colour;
        }
      }
      return 'rgb(255, 255, 255)';
    };
    return [...document.querySelectorAll('body *')]
      .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '') && one.checkVisibility() && !(one instanceof SVGElement))
      .map((one) => {
        const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
        return { text: one.textContent.slice(0, 30), ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
      })
      .filter((one) => one.ratio < 4.5);
  });
  assert.deepEqual(poor, []);
}
ok('contrast of all texts is 4.5 or more, light and dark');

// a page that nobody looks at asks for nothing
const before = asked.length;
await page.evaluate(() => {
  Object.defineProperty(document, 'hidden', { value: true, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
});
await sleep(3_000);
const settled = asked.length;
await sleep(6_000);
assert.equal(asked.length, settled, `asked for ${asked.slice(before)}`);
ok('it asks for nothing while it is hidden');

await page.setViewport({ width: 420, height: 800 });
assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'too wide for a phone');
ok('it fits a phone');

assert.notEqual(await page.title(), 'owned');
assert.deepEqual(await page.evaluate(() => window.violations), []);
assert.deepEqual(wrong, []);
assert.deepEqual(asked.filter((url) => !url.startsWith(`${api}/`)), []);
ok('no error, nothing that the policy forbids, no other host');

// --- a cluster, at nodes that let everybody ---

const [first, second] = [0, 1].map((i) => `http://127.0.0.1:${Number(cluster) + 100 + i}`);
const guest = await mqtt.connectAsync({ host: '127.0.0.1', port: Number(cluster) + 1, clientId: 'guest', protocolVersion: 5 });
await guest.subscribeAsync('hall/#');
await page.setViewport({ width: 1280, height: 820 });
await page.goto(`${first}/console/`);
await page.waitForSelector('#watched');
const names = await page.$$eval('#watched option', (options) => options.map((option) => option.textContent));
assert.deepEqual(names.sort(), ['node-1', 'node-2']);
ok('all nodes of a cluster can be chosen');
await open('cluster');
await see(/What they do.*node-1.*ready.*node-2.*ready.*Members of the store/, 'what each node does');
await see(/node-2\s+ready\s+1\s/, 'and who is connected where');
await picture('cluster', 'light');
await open('overview');
await see(/What node-1 does.*up for/, 'the node that is asked');
const other = await page.$$eval('#watched option', (options) => options.find((option) => option.textContent === 'node-2').value);
await page.select('#watched', other);
await see(/What node-2 does.*Connections\s+1/, 'another one');
await guest.endAsync();
await see(/What node-2 does.*Connections\s+0/, 'which is asked again and again');
assert.deepEqual(wrong.filter((one) => !one.includes('_FAILED')), []);
assert.ok(!asked.some((url) => url.startsWith(second)));
ok('by way of the first one');

isOver = true;
await driving;
await Promise.all([app, all, ...vehicles].map((one) => one.endAsync()));
await browser.close();
