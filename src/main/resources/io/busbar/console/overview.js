// How the node is: what moves, what is wrong.

import { bar, tile } from './charts.js';
import { badge, h, heading, panel, show, table } from './dom.js';
import { brief, bytes, count, duration, seconds } from './format.js';
import { LOST, MEANINGS, ledger } from './losses.js';
import { KEPT } from './meters.js';

const COMMIT = 'busbar.store.commit';

/** Losses that somebody should look into; the others may be what devices do. */
const SERIOUS = ['queue_full', 'node_lost', 'node_busy', 'store_full', 'store_unavailable', 'event_queue_full', 'event_undelivered'];

/** What is wrong: { kind, text }, the worst first. */
export function alerts(meters, cluster) {
  const node = meters.node;
  const found = [];
  const bad = (text) => found.push({ kind: 'bad', text });
  const warn = (text) => found.push({ kind: 'warn', text });
  if (!node.ready) {
    bad(`${node.node} is not ready: ${node.reason}`);
  }
  if (meters.sum('busbar.store.full') > 0) {
    bad('The store is full: what needs room is refused. Free some of the disk, or raise the limits.');
  }
  const serves = meters.values('busbar.store.serves');
  if (serves.length > 0 && meters.sum('busbar.store.serves') === 0) {
    bad(`${node.node} has no lease: it serves no devices until it reaches most of the voters.`);
  }
  if (cluster?.shared) {
    if (!cluster.leader) {
      bad('The store has no leader: nothing is acknowledged.');
    }
    for (const one of cluster.nodes.filter((other) => other.state === 'away' && other.role !== 'none')) {
      warn(`${one.name} (${one.role}) is away.`);
    }
    if (cluster.leader && cluster.voters > 1 && cluster.mayBeLost === 0) {
      warn('No further voter may be lost: the store would stand still.');
    }
  }
  for (const row of ledger(meters).filter((one) => one.minute > 0 && SERIOUS.includes(one.reason))) {
    warn(`${count(row.minute)} lost in the last minute, ${row.reason.replaceAll('_', ' ')}: ${MEANINGS[row.reason]}`);
  }
  const retried = meters.lately('busbar.events.retried').more;
  if (retried > 0) {
    warn(`${count(retried)} events were not taken in the last minute and are tried again.`);
  }
  if (node.heapBytes > 0.9 * node.mostHeapBytes) {
    warn(`The heap is nearly full: ${bytes(node.heapBytes)} of ${bytes(node.mostHeapBytes)}.`);
  }
  return found.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'bad' ? -1 : 1));
}

function facts(entries) {
  return h('dl', { class: 'facts' }, entries.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

export const overview = {
  id: 'overview',
  title: 'Overview',
  open(page, context) {
    const { meters } = context;
    const notes = h('div', { role: 'status' });
    const tiles = h('div', { class: 'tiles' });
    const below = h('div', { class: 'columns' });
    let cluster = null;
    show(page, heading('Overview', `What ${meters.node.node} does. Rates are of the last ten seconds, lines of the last five minutes.`), notes, tiles, below);

    const stopPolling = context.every(5_000, async () => {
      cluster = await context.get('/cluster');
    });
    const stopMeters = context.onMeters(() => {
      const { node } = meters;
      const wrong = alerts(meters, cluster);
      show(
        notes,
        wrong.length === 0
          ? h('p', { class: 'note good' }, 'Nothing needs attention.')
          : wrong.map((one) => h('p', { class: `note ${one.kind}` }, one.text)),
      );
      const per = '/s';
      const received = 'busbar.publishes.received';
      const sent = 'busbar.publishes.sent';
      const p99 = meters.percentile(COMMIT, 0.99);
      show(
        tiles,
        tile('Connections', count(meters.sum('busbar.connections')), '', `${count(meters.sum('busbar.subscriptions'))} subscriptions`, meters.gauge('busbar.connections'), KEPT),
        tile('Messages in', brief(meters.rate(received)), per, `${count(meters.sum(received))} since the start`, meters.rates(received), KEPT),
        tile('Messages out', brief(meters.rate(sent)), per, `${count(meters.sum(sent))} since the start`, meters.rates(sent), KEPT),
        tile('Store, p99', seconds(p99), '', `p50 ${seconds(meters.percentile(COMMIT, 0.5))}, last minute`, meters.percentiles(COMMIT, 0.99), KEPT),
        tile('Lost', brief(meters.rate(LOST)), per, `${count(meters.sum(LOST))} since the start`, meters.rates(LOST), KEPT),
        tile('On their way', count(meters.sum('busbar.deliveries.pending')), '', `${bytes(meters.sum('busbar.outbound.pending.bytes'))} in sockets and queues`, meters.gauge('busbar.deliveries.pending'), KEPT),
        tile('Bytes in', bytes(meters.rate('busbar.bytes.received')), per, `${bytes(meters.sum('busbar.bytes.received'))} since the start`, meters.rates('busbar.bytes.received'), KEPT),
        tile('Bytes out', bytes(meters.rate('busbar.bytes.sent')), per, `${bytes(meters.sum('busbar.bytes.sent'))} since the start`, meters.rates('busbar.bytes.sent'), KEPT),
      );
      show(
        below,
        panel(
          'Node',
          badge(node.ready ? 'ready' : 'not ready', node.ready ? 'good' : 'bad'),
          facts([
            ['name', node.node],
            ['up for', duration(node.uptimeSeconds)],
            ['durability', node.durability],
            ['profile', node.profile],
            ['heap', h('span', { class: 'with-bar' }, bar(node.heapBytes, node.mostHeapBytes), `${bytes(node.heapBytes)} of ${bytes(node.mostHeapBytes)}`)],
            ['listeners', h('ul', { class: 'plain' }, node.listeners.map((one) => h('li', {}, h('code', {}, one))))],
            ['cluster', `${count(node.nodes.length)} ${node.nodes.length === 1 ? 'node' : 'nodes'}`],
          ]),
        ),
        panel(
          'Kept',
          '',
          facts([
            ['stored sessions', count(meters.sum('busbar.sessions.stored'))],
            ['retained messages', count(meters.sum('busbar.retained'))],
            ['events that wait', count(meters.sum('busbar.events.pending'))],
            ['filters', count(meters.sum('busbar.filters'))],
            ['journal', meters.values('busbar.store.journal.bytes').length === 0 ? 'none: in memory' : bytes(meters.sum('busbar.store.journal.bytes'))],
            ['denied operations', count(meters.sum('busbar.denials'))],
            ['refused packets', count(meters.sum('busbar.packets.refused'))],
          ]),
        ),
        panel(
          'Latency',
          'last minute',
          table(
            'Latency',
            [
              { title: 'Timer', wide: true, cell: (id) => id.replace('busbar.', '') },
              { title: 'p50', number: true, cell: (id) => seconds(meters.percentile(id, 0.5)) },
              { title: 'p99', number: true, cell: (id) => seconds(meters.percentile(id, 0.99)) },
            ],
            meters.timers(),
            'Nothing is timed.',
          ),
        ),
      );
    });
    return () => {
      stopPolling();
      stopMeters();
    };
  },
};
