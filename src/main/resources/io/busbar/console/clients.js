// Who is registered, and who has a session.

import { containing, local, path } from './api.js';
import { badge, field, h, heading, pages, panel, problem, settled, show, table } from './dom.js';
import { count, duration, moment } from './format.js';

const PAGE = 25;

function attributes(of) {
  return h(
    'span',
    { class: 'chips' },
    Object.entries(of ?? {}).map(([name, value]) => h('span', { class: 'chip' }, `${name}=${Array.isArray(value) ? value.join(',') : value}`)),
  );
}

function scheme(properties) {
  const text = properties.clientCertificateAuthentication?.validationScheme ?? '';
  return text.replace('MatchesAuthenticationName', '').replace('Match', '');
}

function details(session) {
  const facts = [
    ['client', session.client],
    ['connected at', session.node ?? 'not connected'],
    ['expires after', session.stored ? (session.expirySeconds === undefined ? 'never' : duration(session.expirySeconds)) : 'ends with its connection'],
    ['ends', session.endsAt === undefined ? '–' : moment(session.endsAt)],
    ['queued', session.queued === undefined ? '–' : count(session.queued)],
    ['will', session.will === undefined ? 'none' : `${session.will.topic}, after ${duration(session.will.delaySeconds)}`],
  ];
  return [
    h('dl', { class: 'facts' }, facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    session.stored
      ? table(
          'Subscriptions',
          [
            { title: 'Filter', wide: true, cell: (one) => h('code', {}, one.filter) },
            { title: 'QoS', number: true, cell: (one) => one.qos },
          ],
          session.subscriptions,
          'It has no subscription.',
        )
      : h('p', { class: 'empty' }, 'Subscriptions are shown of stored sessions.'),
  ];
}

export const clients = {
  id: 'clients',
  title: 'Clients and sessions',
  async open(page, context) {
    const sought = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'part of a name' });
    const ofSession = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'part of a name' });
    const ofClient = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'whole name' });
    const detail = h('div', { 'aria-live': 'polite' });

    const registry = pages(
      context.get,
      local,
      () => path(`${context.namespace}/clients`, { $top: PAGE, $filter: containing(sought.value.trim()) }),
      (body) =>
        table(
          'Registered clients',
          [
            { title: 'Name', cell: (one) => h('b', {}, one.name) },
            { title: 'Authentication name', cell: (one) => one.properties.authenticationName },
            { title: 'State', cell: (one) => badge(one.properties.state, one.properties.state === 'Enabled' ? 'good' : 'warn') },
            { title: 'Scheme', cell: (one) => scheme(one.properties) },
            { title: 'Attributes', wide: true, cell: (one) => attributes(one.properties.attributes) },
            {
              title: '',
              cell: (one) =>
                h('button', { type: 'button', class: 'quiet', 'aria-label': `Sessions of ${one.name}`, onclick: () => sessionsOf(one.properties.authenticationName) }, 'Sessions'),
            },
          ],
          body.value,
          'No client has such a name.',
        ),
    );
    const sessions = pages(
      context.get,
      local,
      () => path('/sessions', { $top: PAGE, $filter: containing(ofSession.value.trim()), client: ofClient.value.trim() }),
      (body) =>
        table(
          'Sessions',
          [
            { title: 'Session', cell: (one) => h('button', { type: 'button', class: 'link', onclick: () => look(one.name) }, one.name) },
            { title: 'Client', cell: (one) => one.client },
            { title: 'State', cell: (one) => badge(one.state, one.state === 'connected' ? 'good' : '') },
            { title: 'Node', cell: (one) => one.node ?? '–' },
            { title: 'Stored', cell: (one) => (one.stored ? 'yes' : 'no') },
            { title: 'Queued', number: true, cell: (one) => (one.queued === undefined ? '–' : count(one.queued)) },
            { title: 'Subscriptions', number: true, cell: (one) => one.subscriptions ?? '–' },
            { title: 'Ends', wide: true, cell: (one) => (one.endsAt === undefined ? '–' : moment(one.endsAt)) },
          ],
          body.value,
          'No session here; there may be some on the next page.',
        ),
    );

    async function look(name) {
      try {
        const session = await context.get(`/sessions/${encodeURIComponent(name)}`);
        show(detail, panel(`Session ${name}`, h('button', { type: 'button', class: 'quiet', onclick: () => show(detail) }, 'Close'), details(session)));
      } catch (e) {
        show(detail, problem(e));
      }
      detail.scrollIntoView({ block: 'nearest' });
    }

    function sessionsOf(client) {
      ofClient.value = client;
      ofSession.value = '';
      sessions.begin();
      ofClient.focus();
    }

    sought.addEventListener('input', settled(registry.begin));
    ofSession.addEventListener('input', settled(sessions.begin));
    ofClient.addEventListener('input', settled(sessions.begin));
    const refresh = (list) => h('button', { type: 'button', class: 'quiet', onclick: list.again }, 'Refresh');
    show(
      page,
      heading('Clients and sessions', 'Who is registered in the namespace, and the sessions of the whole cluster: those that are stored, then those that are only connected.'),
      panel('Clients', h('div', { class: 'tools' }, field('Search', sought), refresh(registry)), context.namespace === null ? h('p', { class: 'empty' }, 'There is no namespace yet.') : registry.element),
      panel('Sessions', h('div', { class: 'tools' }, field('Search', ofSession), field('Of client', ofClient), refresh(sessions)), sessions.element),
      detail,
    );
    await Promise.all([context.namespace === null ? null : registry.begin(), sessions.begin()]);
    return () => {};
  },
};
