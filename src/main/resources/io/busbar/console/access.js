// Who may do what, and why.

import { local, path } from './api.js';
import { badge, field, h, heading, pages, panel, problem, show, table } from './dom.js';

const PAGE = 25;

function explained(answer, asked) {
  const may = answer.allowed ? 'allowed' : 'denied';
  return [
    h('p', { class: `verdict ${answer.allowed ? 'good' : 'bad'}` }, badge(may, answer.allowed ? 'good' : 'bad'), ' ', h('b', {}, asked.client), ` ${asked.right} `, h('code', {}, asked.topic), ': ', answer.reason),
    h(
      'p',
      {},
      'Its groups: ',
      answer.clientGroups.length === 0 ? 'none' : h('span', { class: 'chips' }, answer.clientGroups.map((one) => h('span', { class: 'chip' }, one))),
      answer.enabled === false ? badge('the client is disabled', 'warn') : null,
    ),
    table(
      'Bindings of this right',
      [
        { title: 'Binding', cell: (one) => h('b', {}, one.permissionBinding) },
        { title: 'Client group', cell: (one) => [one.clientGroup, ' ', badge(one.inGroup ? 'in it' : 'not in it', one.inGroup ? 'good' : '')] },
        { title: 'Topic space', cell: (one) => one.topicSpace },
        {
          title: 'Templates, and what they come to for this client',
          wide: true,
          cell: (one) =>
            h(
              'ul',
              { class: 'plain' },
              one.topicTemplates.map((template) =>
                h(
                  'li',
                  {},
                  h('code', {}, template.template),
                  template.filters.filter((filter) => filter !== template.template).map((filter) => [' → ', h('code', {}, filter)]),
                  ' ',
                  template.matches ? badge('matches', 'good') : h('span', { class: 'faint' }, template.nothing ?? 'does not match'),
                ),
              ),
            ),
        },
      ],
      answer.bindings,
      'No binding gives this right to anybody.',
    ),
  ];
}

function list(context, kind, caption, columns, empty) {
  const all = pages(context.get, local, () => path(`${context.namespace}/${kind}`, { $top: PAGE }), (body) => table(caption, columns, body.value, empty));
  return { panel: panel(caption, '', all.element), begin: all.begin };
}

export const access = {
  id: 'access',
  title: 'Access',
  async open(page, context) {
    const client = h('input', { required: true, autocomplete: 'off', spellcheck: 'false' });
    const right = h('select', {}, h('option', { value: 'publish' }, 'publish to'), h('option', { value: 'subscribe' }, 'subscribe to'));
    const topic = h('input', { required: true, autocomplete: 'off', spellcheck: 'false', class: 'long' });
    const answer = h('div', { 'aria-live': 'polite' });
    const form = h(
      'form',
      { class: 'tools', id: 'explain' },
      field('Client (authentication name)', client),
      field('Wants to', right),
      field('Topic or filter', topic),
      h('button', { type: 'submit' }, 'Explain'),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const asked = { client: client.value.trim(), topic: topic.value, right: right.value === 'publish' ? 'may publish to' : 'may subscribe to' };
      try {
        const found = await context.get(path('/explain', { client: asked.client, [right.value]: asked.topic }));
        asked.right = found.allowed ? asked.right : asked.right.replace('may', 'may not');
        show(answer, explained(found, asked));
      } catch (e) {
        show(answer, problem(e));
      }
    });
    show(page, heading('Access', 'What is in no binding is denied. Ask why a client may do something, or why not.'), panel('Explain', '', form, answer));
    if (context.namespace === null) {
      page.append(h('p', { class: 'empty' }, 'There is no namespace yet.'));
      return () => {};
    }
    const codes = (texts) => h('ul', { class: 'plain' }, texts.map((one) => h('li', {}, h('code', {}, one))));
    const name = { title: 'Name', cell: (one) => h('b', {}, one.name) };
    const lists = [
      list(context, 'topicSpaces', 'Topic spaces', [name, { title: 'Templates', wide: true, cell: (one) => codes(one.properties.topicTemplates) }], 'There is none.'),
      list(
        context,
        'permissionBindings',
        'Permission bindings',
        [
          name,
          { title: 'Clients of', cell: (one) => one.properties.clientGroupName },
          { title: 'may', cell: (one) => badge(one.properties.permission === 'Publisher' ? 'publish' : 'subscribe') },
          { title: 'in topic space', wide: true, cell: (one) => one.properties.topicSpaceName },
        ],
        'There is none: nobody may do anything.',
      ),
      list(context, 'clientGroups', 'Client groups', [name, { title: 'Query', wide: true, cell: (one) => h('code', {}, one.properties.query ?? '') }], 'There is none but $all.'),
    ];
    page.append(...lists.map((one) => one.panel));
    await Promise.all(lists.map((one) => one.begin()));
    return () => {};
  },
};
