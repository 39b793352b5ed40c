// Event subscriptions, and what waits in their queues.

import { local, path } from './api.js';
import { bar } from './charts.js';
import { badge, h, heading, panel, problem, show, table } from './dom.js';
import { bytes, count, duration } from './format.js';

const PAGE = 100;

/** Pages that are read at most; beyond, the commands serve better. */
const MOST_PAGES = 10;

async function all(get, first) {
  const found = [];
  let next = first;
  for (let i = 0; i < MOST_PAGES && next !== null; i++) {
    const body = await get(next);
    found.push(...body.value);
    next = body.nextLink === undefined ? null : local(body.nextLink);
  }
  return found;
}

/** By id, in small letters as the queues have it: where the events of a subscription go. */
async function modes(context) {
  const found = new Map();
  if (context.namespace === null) {
    return found;
  }
  for (const topic of await all(context.get, path(`${context.namespace}/topics`, { $top: PAGE }))) {
    const under = `${context.namespace}/topics/${encodeURIComponent(topic.name)}/eventSubscriptions`;
    for (const one of await all(context.get, path(under, { $top: PAGE }))) {
      const { deliveryConfiguration: how } = one.properties;
      const to = how.push?.destination ?? how.push?.deliveryWithResourceIdentity?.destination;
      const where = to === undefined ? 'received on request' : `${to.endpointType} ${to.properties?.endpointBaseUrl ?? to.properties?.resourceId ?? ''}`;
      found.set(`${topic.name}/${one.name}`.toLowerCase(), { name: `${topic.name}/${one.name}`, mode: how.deliveryMode, where });
    }
  }
  return found;
}

export const events = {
  id: 'events',
  title: 'Event subscriptions',
  async open(page, context) {
    const content = h('div');
    show(page, heading('Event subscriptions', 'What waits in the queue of each, and of what nobody took: in the whole cluster. What was delivered is of the node that you are at.'), content);
    let known;
    try {
      known = await modes(context);
    } catch (e) {
      show(content, problem(e));
      return () => {};
    }
    const counted = (id, row) =>
      row.deadLetters ? '' : count(context.meters.sum(id, (tags) => tags.subscription?.toLowerCase() === row.subscription));
    const columns = [
      {
        title: 'Subscription',
        cell: (row) => [h('b', {}, known.get(row.subscription)?.name ?? row.subscription), row.deadLetters ? [' ', badge('dead letters', row.events > 0 ? 'warn' : '')] : null],
      },
      { title: 'Goes', cell: (row) => (row.deadLetters ? '' : [badge(known.get(row.subscription)?.mode ?? ''), ' ', h('span', { class: 'faint' }, known.get(row.subscription)?.where ?? '')]) },
      { title: 'Backlog', number: true, cell: (row) => count(row.events) },
      { title: 'Full', cell: (row) => bar(Math.max(row.events / row.mostEvents, row.bytes / row.mostBytes), 1) },
      { title: 'In hand', number: true, cell: (row) => count(row.away) },
      { title: 'Bytes', number: true, cell: (row) => bytes(row.bytes) },
      { title: 'Oldest waits', number: true, cell: (row) => (row.oldest === undefined ? '–' : duration((Date.now() - Date.parse(row.oldest)) / 1_000)) },
      { title: 'Delivered', number: true, cell: (row) => counted('busbar.events.delivered', row) },
      { title: 'Tried again', number: true, cell: (row) => counted('busbar.events.retried', row) },
    ];
    return context.every(3_000, async () => {
      try {
        const queues = await all(context.get, path('/queues', { $top: PAGE }));
        const waiting = queues.reduce((sum, one) => sum + one.events, 0);
        show(content, panel('Queues', `${count(waiting)} events wait`, table('Queues of event subscriptions', columns, queues, 'There is no event subscription.')));
      } catch (e) {
        show(content, problem(e));
        throw e;
      }
    });
  },
};
