// The nodes, and who of them decides in the store.

import { badge, h, heading, panel, problem, show, table } from './dom.js';
import { count } from './format.js';

const STATES = { there: 'good', leaving: 'warn', away: 'bad' };

/** The name in an id as name@something. */
function name(id) {
  return id.split('@')[0];
}

export const cluster = {
  id: 'cluster',
  title: 'Cluster',
  open(page, context) {
    const content = h('div');
    show(page, heading('Cluster', 'Who is there, who votes and who leads; as the node that you are at sees it.'), content);
    return context.every(3_000, async () => {
      let view;
      try {
        view = await context.get('/cluster');
      } catch (e) {
        show(content, problem(e));
        throw e;
      }
      const { node } = context.meters;
      if (!view.shared) {
        show(
          content,
          panel(
            'Nodes',
            '',
            h('p', { class: 'note' }, `${view.asked} has its store alone: no other node votes in it, and nothing has to be copied.`),
            table('Nodes', [{ title: 'Node', cell: (one) => h('code', {}, one) }], node.nodes, 'None.'),
          ),
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
          'Nodes',
          `asked: ${view.asked}`,
          table(
            'Nodes',
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
