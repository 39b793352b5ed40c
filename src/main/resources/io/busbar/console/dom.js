// Elements made by hand. What comes from the node only ever becomes text.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element with attributes, listeners (onclick) and children, texts among them. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An element of SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Puts these in the place of what an element has. */
export function show(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** A section with a heading, and what belongs beside it. */
export function panel(title, beside, ...children) {
  return h('section', { class: 'panel' }, h('div', { class: 'panel-head' }, h('h2', {}, title), beside), ...children);
}

/** The heading of a page, and what it is about. */
export function heading(title, text) {
  return h('div', { class: 'heading' }, h('h1', {}, title), h('p', {}, text));
}

/**
 * A table. A column has a title, a cell for each row (a text or an element), and may be of
 * numbers or wide.
 */
export function table(caption, columns, rows, empty) {
  if (rows.length === 0) {
    return h('p', { class: 'empty' }, empty);
  }
  const kind = (column) => [column.number ? 'number' : '', column.wide ? 'wide' : ''].join(' ').trim() || null;
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', { class: 'hidden' }, caption),
      h('thead', {}, h('tr', {}, columns.map((one) => h('th', { scope: 'col', class: kind(one) }, one.title)))),
      h('tbody', {}, rows.map((row) => h('tr', {}, columns.map((one) => h('td', { class: kind(one) }, one.cell(row) ?? ''))))),
    ),
  );
}

/** A small word with a colour of good, warn, bad or none. */
export function badge(text, kind = '') {
  return h('span', { class: `badge ${kind}` }, text);
}

/** A labelled field. */
export function field(label, input) {
  return h('label', { class: 'field' }, h('span', {}, label), input);
}

/** What went wrong, for people. */
export function problem(error) {
  return h('p', { class: 'problem', role: 'alert' }, error.message);
}

/** Waits until somebody has typed. */
export function settled(then, milliseconds = 250) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(then, milliseconds);
  };
}

/**
 * A list that is read page by page, forward and back.
 *
 * first() says the path of the first page, render(body) what is shown of one. Gives the element, a
 * function that reads the first page, and one that reads this page again.
 */
export function pages(get, local, first, render) {
  const content = h('div', { 'aria-live': 'off' });
  const back = h('button', { type: 'button', onclick: () => go(-1) }, '‹ Back');
  const on = h('button', { type: 'button', onclick: () => go(1) }, 'Next ›');
  const where = h('span', { class: 'faint' });
  const pager = h('div', { class: 'pager' }, back, where, on);
  let paths = [];
  let at = 0;
  let turn = 0;

  async function read() {
    const mine = ++turn;
    try {
      const body = await get(paths[at]);
      if (mine !== turn) {
        return;
      }
      paths.length = at + 1;
      if (body.nextLink !== undefined) {
        paths.push(local(body.nextLink));
      }
      show(content, render(body));
    } catch (e) {
      if (mine === turn) {
        show(content, problem(e));
      }
    }
    back.disabled = at === 0;
    on.disabled = at + 1 >= paths.length;
    where.textContent = `page ${at + 1}`;
    pager.hidden = back.disabled && on.disabled;
  }

  function go(step) {
    at += step;
    return read();
  }

  function begin() {
    paths = [first()];
    at = 0;
    return read();
  }

  const element = h('div', {}, content, pager);
  return { element, begin, again: read };
}
