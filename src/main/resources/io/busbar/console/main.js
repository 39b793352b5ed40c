// The frame: signing in, the sections, the theme, and asking the node again and again.

import { access } from './access.js';
import { get, hasKey, onRefused, use } from './api.js';
import { clients } from './clients.js';
import { cluster } from './cluster.js';
import { field, h, heading, problem, show } from './dom.js';
import { events } from './events.js';
import { losses } from './losses.js';
import { retained, tail } from './messages.js';
import { EVERY, Meters } from './meters.js';
import { overview } from './overview.js';

const SECTIONS = [overview, cluster, clients, access, events, retained, tail, losses];
const THEMES = [
  ['', 'Theme: as the system', '◐'],
  ['light', 'Theme: light', '○'],
  ['dark', 'Theme: dark', '●'],
];
const THEME = 'busbar-theme';

/** How often it is asked which nodes there are, in milliseconds. */
const NAMES = 5_000;

const page = document.getElementById('page');
const sections = document.getElementById('sections');
const state = document.getElementById('state');
const leave = document.getElementById('leave');

/** Who hears of new meters. */
const listeners = new Set();
let meters = null;
let asked = null;
let namespace = null;
/** The id of the node that is looked at; null for the one that is asked. */
let watched = null;
let close = () => {};
let stopMeters = () => {};
let visit = 0;

// --- asking again and again ---

/**
 * Runs a task now, and again so long after it has ended; not while the page is hidden. What it
 * cannot do is said at the top, and tried again.
 */
function every(milliseconds, task) {
  let timer = null;
  let isOver = false;
  let isBusy = false;

  async function run() {
    timer = null;
    if (isOver || isBusy || document.hidden) {
      return;
    }
    isBusy = true;
    try {
      await task();
      tell(true);
    } catch (e) {
      tell(false, e.message);
    }
    isBusy = false;
    if (!isOver && !document.hidden) {
      timer = setTimeout(run, milliseconds);
    }
  }

  const shown = () => {
    if (!document.hidden && timer === null) {
      run();
    }
  };
  document.addEventListener('visibilitychange', shown);
  run();
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', shown);
  };
}

function tell(isGood, why = '') {
  state.className = isGood ? 'live' : 'lost';
  const text = isGood ? 'live' : why;
  if (state.textContent !== text) {
    state.textContent = text;
  }
}

const context = {
  get,
  every,
  /** The node that answers, as it was at first. */
  get asked() {
    return asked;
  },
  /** Of the node that is looked at. */
  get meters() {
    return meters;
  },
  /** The path of the namespace, or null if there is none. */
  get namespace() {
    return namespace === null ? null : `/namespaces/${encodeURIComponent(namespace)}`;
  },
  /** Calls back now and whenever there are new meters, until what it returns is called. */
  onMeters(then) {
    listeners.add(then);
    then();
    return () => listeners.delete(then);
  },
};

// --- the nodes ---

function status() {
  return get(watched === null ? '/node' : `/nodes/${encodeURIComponent(watched)}`);
}

/** Looks at another node from now on. */
async function watch(id) {
  const before = watched;
  watched = id;
  try {
    const first = await status();
    if (watched !== id || meters === null) {
      return;
    }
    meters = new Meters();
    meters.add(first);
  } catch (e) {
    if (watched === id) {
      watched = before;
      tell(false, e.message);
    }
  }
  const select = document.getElementById('watched');
  if (select !== null && meters !== null) {
    select.value = meters.node.id;
  }
  await route();
}

/** Says whose console it is, and lets one choose among several nodes. */
async function name() {
  const nodes = meters.node.nodes.length > 1 ? (await get('/nodes')).value : [];
  if (meters === null) {
    return;
  }
  const place = document.getElementById('node');
  const before = namespace === null ? '' : `${namespace} · `;
  if (nodes.length <= 1) {
    show(place, before + meters.node.node);
    return;
  }
  const old = document.getElementById('watched');
  const wanted = nodes.map((one) => `${one.id} ${one.silent === undefined}`).join();
  if (old === null || old.dataset.nodes !== wanted) {
    const hadFocus = old !== null && old === document.activeElement;
    const select = h(
      'select',
      { id: 'watched', 'aria-label': 'Node that is looked at', 'data-nodes': wanted, onchange: (event) => watch(event.target.value) },
      nodes.map((one) => h('option', { value: one.id, disabled: one.silent !== undefined }, one.node ?? `${one.id} (silent)`)),
    );
    show(place, before, select);
    if (hadFocus) {
      select.focus();
    }
  }
  document.getElementById('watched').value = meters.node.id;
}

// --- sections ---

async function route() {
  if (meters === null) {
    return;
  }
  const id = location.hash.replace('#/', '');
  const section = SECTIONS.find((one) => one.id === id) ?? overview;
  const mine = ++visit;
  close();
  close = () => {};
  document.title = `${section.title} · ${meters.node.node} · Busbar`;
  for (const link of sections.querySelectorAll('a')) {
    if (link.hash === `#/${section.id}`) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
  const place = h('div');
  show(page, place);
  try {
    const closing = await section.open(place, context);
    if (mine === visit) {
      close = closing;
    } else {
      closing();
    }
  } catch (e) {
    show(place, heading(section.title, ''), problem(e));
  }
  place.dataset.ready = section.id;
}

// --- signing in ---

async function begin() {
  watched = null;
  const first = await status();
  const known = await get('/namespaces');
  asked = first;
  meters = new Meters();
  meters.add(first);
  namespace = known.value[0]?.name ?? null;
  document.getElementById('who').textContent = `${first.caller.name} (${first.caller.role})`;
  show(sections, h('ul', {}, SECTIONS.map((one) => h('li', {}, h('a', { href: `#/${one.id}` }, one.title)))));
  sections.hidden = false;
  leave.hidden = !hasKey();
  let isFirst = true;
  const stopStatus = every(EVERY, async () => {
    if (!isFirst) {
      const mine = meters;
      const next = await status();
      if (mine === meters) {
        mine.add(next);
        listeners.forEach((then) => then());
      }
    }
    isFirst = false;
  });
  const stopNames = every(NAMES, name);
  stopMeters = () => {
    stopStatus();
    stopNames();
  };
  await route();
}

function end() {
  visit++;
  close();
  close = () => {};
  stopMeters();
  listeners.clear();
  meters = null;
  sections.hidden = true;
  leave.hidden = true;
  document.getElementById('who').textContent = '';
  show(document.getElementById('node'));
  state.textContent = '';
  document.title = 'Busbar console';
}

function signIn(why) {
  end();
  const key = h('input', { type: 'password', id: 'key', required: true, autocomplete: 'off', spellcheck: 'false' });
  const wrong = h('div', {}, why === null ? null : problem(why));
  const form = h(
    'form',
    { class: 'sign-in' },
    h('h1', {}, 'Sign in'),
    h('p', {}, 'With a key of the management API. ', h('code', {}, 'busbar key --role operator'), ' makes one; the first start of a node puts one into ', h('code', {}, 'api-key'), ' of its home.'),
    field('Key', key),
    wrong,
    h('button', { type: 'submit' }, 'Sign in'),
    h('p', { class: 'faint' }, 'It is kept in this tab until you sign out or close it.'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const given = key.value.trim();
    if (!/^[\x21-\x7e]+$/.test(given)) {
      show(wrong, problem(new Error('A key has letters, digits and signs only.')));
      return;
    }
    use(given);
    try {
      await begin();
      page.focus();
    } catch (e) {
      use(null);
      show(wrong, problem(e));
    }
  });
  show(page, form);
  key.focus();
}

// --- the theme ---

function theme() {
  const button = document.getElementById('theme');
  let at = Math.max(0, THEMES.findIndex(([name]) => name === (localStorage.getItem(THEME) ?? '')));
  const put = () => {
    const [name, label, sign] = THEMES[at];
    document.documentElement.dataset.theme = name;
    button.textContent = sign;
    button.setAttribute('aria-label', label);
    button.title = label;
  };
  button.addEventListener('click', () => {
    at = (at + 1) % THEMES.length;
    localStorage.setItem(THEME, THEMES[at][0]);
    put();
  });
  put();
}

theme();
leave.addEventListener('click', () => {
  history.replaceState(null, '', location.pathname);
  use(null);
  signIn(null);
});
window.addEventListener('hashchange', route);
onRefused(() => {
  if (meters !== null) {
    use(null);
    signIn(new Error('The key is not known any more.'));
  }
});
// whoever comes with a certificate, or to a node that lets everybody, needs no key
try {
  await begin();
} catch (e) {
  const hadKey = hasKey();
  use(null);
  signIn(e.status === 401 && !hadKey ? null : e);
}
