// Messages: those that are retained, and those that come now.

import { local, path, tail as watch } from './api.js';
import { badge, field, h, heading, pages, panel, problem, show, table } from './dom.js';
import { bytes, clock, count, decoded, duration, payload } from './format.js';

const PAGE = 25;

/** Messages of the live tail that are kept on the page. */
const MOST = 200;

/** Bytes of a payload in a line of the tail, and in full. */
const BRIEF = 120;
const WHOLE = 65_536;

function body(data, most) {
  const shown = payload(data, most);
  return h('pre', { class: 'payload', tabindex: '0' }, shown.text === '' ? '(empty)' : shown.text);
}

export const retained = {
  id: 'retained',
  title: 'Retained messages',
  async open(page, context) {
    const filter = h('input', { value: '#', autocomplete: 'off', spellcheck: 'false', class: 'long' });
    const detail = h('div', { 'aria-live': 'polite' });
    const list = pages(
      context.get,
      local,
      () => path('/retained', { $top: PAGE, filter: filter.value }),
      (answer) =>
        table(
          'Retained messages',
          [
            { title: 'Topic', wide: true, cell: (one) => h('button', { type: 'button', class: 'link', onclick: () => look(one.topic) }, one.topic) },
            { title: 'QoS', number: true, cell: (one) => one.qos },
            { title: 'Payload', number: true, cell: (one) => bytes(one.bytes) },
            { title: 'Content type', cell: (one) => one.contentType ?? '–' },
            { title: 'Expires in', number: true, cell: (one) => (one.expiresInSeconds === undefined ? '–' : duration(one.expiresInSeconds)) },
          ],
          answer.value,
          'Nothing that matches is retained.',
        ),
    );

    async function look(topic) {
      try {
        const message = await context.get(`/retained/${topic.split('/').map(encodeURIComponent).join('/')}`);
        const properties = message.userProperties ?? [];
        show(
          detail,
          panel(
            topic,
            h('button', { type: 'button', class: 'quiet', onclick: () => show(detail) }, 'Close'),
            h(
              'p',
              { class: 'faint' },
              `QoS ${message.qos}, ${bytes(message.bytes)}${message.contentType === undefined ? '' : `, ${message.contentType}`}${message.bytes > WHOLE ? `; the first ${bytes(WHOLE)} are shown` : ''}`,
            ),
            body(decoded(message.payloadBase64), WHOLE),
            properties.length === 0
              ? null
              : table('User properties', [{ title: 'User property', cell: (one) => one.name }, { title: 'Value', wide: true, cell: (one) => one.value }], properties, ''),
          ),
        );
      } catch (e) {
        show(detail, problem(e));
      }
      detail.scrollIntoView({ block: 'nearest' });
    }

    const form = h('form', { class: 'tools' }, field('Topic filter', filter), h('button', { type: 'submit' }, 'Show'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      list.begin();
    });
    show(page, heading('Retained messages', 'The last message of each topic, as whoever subscribes gets it.'), panel('Messages', form, list.element), detail);
    await list.begin();
    return () => {};
  },
};

export const tail = {
  id: 'tail',
  title: 'Live tail',
  open(page, context) {
    const node = context.asked;
    const filter = h('input', { value: '#', autocomplete: 'off', spellcheck: 'false', class: 'long', required: true });
    const start = h('button', { type: 'submit' }, 'Watch');
    const state = h('span', { class: 'faint', role: 'status' });
    const rows = h('tbody');
    const form = h('form', { class: 'tools', id: 'watch' }, field('Topic filter', filter), start, h('button', { type: 'button', class: 'quiet', onclick: () => show(rows) }, 'Clear'), state);
    const watching = h(
      'div',
      { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Messages' },
      h(
        'table',
        { class: 'tail' },
        h('caption', { class: 'hidden' }, 'Messages, the newest first'),
        h('thead', {}, h('tr', {}, ['Time', 'Topic', 'Client', 'QoS', 'Bytes', 'Payload'].map((one) => h('th', { scope: 'col' }, one)))),
        rows,
      ),
    );
    let running = null;
    let skipped = 0;
    let seen = 0;

    function add(line) {
      if (line.ended !== undefined) {
        state.textContent = `ended: ${line.ended}`;
        return;
      }
      if (line.skipped !== undefined) {
        skipped += line.skipped;
      } else {
        seen++;
        const shown = payload(decoded(line.payloadBase64), BRIEF);
        rows.prepend(
          h(
            'tr',
            {},
            h('td', { class: 'number' }, clock(new Date())),
            h('td', {}, h('code', {}, line.topic), line.retain ? [' ', badge('retain')] : null),
            h('td', {}, line.client),
            h('td', { class: 'number' }, line.qos),
            h('td', { class: 'number' }, count(line.bytes)),
            h('td', { class: 'wide' }, h('code', { class: 'one-line' }, shown.kind === 'text' ? shown.text : `${shown.text.split('\n')[0]} …`)),
          ),
        );
        while (rows.childElementCount > MOST) {
          rows.lastElementChild.remove();
        }
      }
      state.textContent = `${count(seen)} shown${skipped === 0 ? '' : `, ${count(skipped)} too fast to show`}`;
    }

    async function run() {
      running = new AbortController();
      const mine = running;
      start.textContent = 'Stop';
      seen = 0;
      skipped = 0;
      state.textContent = 'waiting for messages';
      try {
        await watch(filter.value, mine.signal, add);
      } catch (e) {
        if (e.name !== 'AbortError') {
          state.textContent = e.message;
        }
      }
      if (running === mine) {
        running = null;
        start.textContent = 'Watch';
      }
    }

    function stop() {
      running?.abort();
      running = null;
      start.textContent = 'Watch';
    }

    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (running === null) {
        run();
      } else {
        stop();
        state.textContent = `stopped; ${state.textContent}`;
      }
    });
    const hidden = () => {
      if (document.hidden && running !== null) {
        stop();
        state.textContent = 'stopped: the page was hidden';
      }
    };
    document.addEventListener('visibilitychange', hidden);
    const may = node.caller.role !== 'reader';
    show(
      page,
      heading('Live tail', `What clients publish at ${node.node}, as it comes: at most 200 messages a second, the first 1,024 bytes of each, for 10 minutes. Who looks is in the audit log.`),
      may
        ? panel('Messages', form, watching)
        : h('p', { class: 'note warn' }, `Your key has the role ${node.caller.role}. To see what clients publish, sign in with one of the role operator or owner.`),
    );
    return () => {
      document.removeEventListener('visibilitychange', hidden);
      stop();
    };
  },
};
