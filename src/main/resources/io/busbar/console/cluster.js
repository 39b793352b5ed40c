// The nodes, and who of them decides in the store.

import { badge, h, heading, panel, problem, show, table } from './dom.js';
import { brief, bytes, count, duration } from './format.js';

const STATES = { there: 'good', leaving: 'warn', away: 'bad' };

/** The name in an id as name@something. */
function name(id) {
  return id.split('@')[0];
}

/** What a node serves, as its last two answers have it. */
class Served {
  #before = new Map();
  #rates = new Map();

  /** Takes in an answer of GET /nodes. */
  add(nodes) {
    const at = performance.now();
    for (const one of nodes.filter((other) => other.silent === undefined)) {
      const before = this.#before.get(one.id);
      const rate = (key) => (before === undefined || one[key] < before[key] ? null : ((one[key] - before[key]) * 1_000) / (at - before.at));
      this.#rates.set(one.id, { received: rate('received'), sent: rate('sent'), lost: rate('lost') });
      this.#before.set(one.id, { ...one, at });
    }
  }

  /** How fast something grew, a second. */
  rate(one, key) {
    const rate = this.#rates.get(one.id)?.[key] ?? null;
    return one.silent !== undefined || rate === null ? '–' : brief(rate);
  }
}

function serving(nodes, served) {
  const known = (one, text) => (one.silent === undefined ? text(one) : '–');
  return table(
    'What the nodes do',
    [
      { title: 'Node', cell: (one) => (one.silent === undefined ? h('b', {}, one.node) : h('code', {}, one.id)) },
      {
        title: 'Serves',
        wide: true,
        cell: (one) => (one.silent !== undefined ? badge(one.silent, 'bad') : one.ready ? badge('ready', 'good') : badge(one.reason, 'bad')),
      },
      { title: 'Connections', number: true, cell: (one) => known(one, () => count(one.connections)) },
      { title: 'In, /s', number: true, cell: (one) => served.rate(one, 'received') },
      { title: 'Out, /s', number: true, cell: (one) => served.rate(one, 'sent') },
      { title: 'Lost, /s', number: true, cell: (one) => served.rate(one, 'lost') },
      { title: 'Heap', number: true, cell: (one) => known(one, () => `${bytes(one.heapBytes)} of ${bytes(one.mostHeapBytes)}`) },
      { title: 'Up for', number: true, cell: (one) => known(one, () => duration(one.uptimeSeconds)) },
    ],
    nodes,
    'None.',
  );
}

export const cluster = {
  id: 'cluster',
  title: 'Cluster',
  open(page, context) {
    const content = h('div');
    const served = new Served();
    show(page, heading('Cluster', 'Who is there, what each does, who votes and who leads; as the node that you are at sees it.'), content);
    return context.every(3_000, async () => {
      let view;
      let all;
      try {
        [view, all] = await Promise.all([context.get('/cluster'), context.get('/nodes')]);
      } catch (e) {
        show(content, problem(e));
        throw e;
      }
      served.add(all.value);
      const what = panel('What they do', '', serving(all.value, served));
      if (!view.shared) {
        show(
          content,
          what,
          panel('The store', '', h('p', { class: 'note' }, `${view.asked} has its store alone: no other node votes in it, and nothing has to be copied.`)),
        );
        return;
      }
      const groups = [
        {
          group: view.store,
          leader: view.leader ? name(view.leader) : 'none',
          voters: `${view.voters} of ${view.votersWanted} wanted`,
          needed: view.votersNeeded,
          spare: view.mayBeLost,
          behind: Math.max(0, ...view.nodes.map((one) => one.behind ?? 0)),
        },
      ];
      show(
        content,
        what,
        panel(
          'Groups of the store',
          '',
          table(
            'Groups of the store',
            [
              { title: 'Store', wide: true, cell: (one) => h('code', {}, one.group) },
              { title: 'Leader', cell: (one) => (one.leader === 'none' ? badge('none', 'bad') : one.leader) },
              { title: 'Voters', cell: (one) => one.voters },
              { title: 'Needed', number: true, cell: (one) => count(one.needed) },
              { title: 'May be lost', number: true, cell: (one) => (one.spare === 0 ? badge('0', 'warn') : count(one.spare)) },
              { title: 'Furthest behind', number: true, cell: (one) => count(one.behind) },
            ],
            groups,
            '',
          ),
        ),
        panel(
          'Members of the store',
          `asked: ${view.asked}`,
          table(
            'Members of the store',
            [
              { title: 'Node', cell: (one) => h('b', {}, one.name) },
              { title: 'Role', cell: (one) => (one.role === 'leader' ? badge('leader', 'good') : one.role) },
              { title: 'State', cell: (one) => badge(one.state, STATES[one.state]) },
              { title: 'Entries behind', number: true, cell: (one) => (one.behind === undefined ? '–' : count(one.behind)) },
              { title: 'Id', wide: true, cell: (one) => h('code', {}, one.id) },
            ],
            view.nodes,
            'None.',
          ),
        ),
        h('p', { class: 'faint' }, 'Only the leader knows how far others are behind. Nodes leave with ', h('code', {}, 'busbar cluster leave'), '.'),
      );
    });
  },
};
