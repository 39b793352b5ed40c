// The node's API. The key is kept by the browser for this tab only, and sent in a header only.

const KEPT = 'busbar-key';
let key = sessionStorage.getItem(KEPT);
let refused = () => {};

/** What an answer says that is no success. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Has a key sent from now on; null for none. */
export function use(next) {
  key = next;
  if (next === null) {
    sessionStorage.removeItem(KEPT);
  } else {
    sessionStorage.setItem(KEPT, next);
  }
}

/** Whether there is a key. */
export function hasKey() {
  return key !== null;
}

/** What is called when the API does not know who asks any more. */
export function onRefused(then) {
  refused = then;
}

async function ask(path, options = {}) {
  const headers = { ...(options.headers ?? {}) };
  if (key !== null) {
    headers.authorization = `Bearer ${key}`;
  }
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'same-origin' });
  } catch (e) {
    if (e.name === 'AbortError') {
      throw e;
    }
    throw new Refusal(0, 'the node does not answer');
  }
  if (answer.ok) {
    return answer;
  }
  let message = `status ${answer.status}`;
  try {
    message = (await answer.json()).error.message;
  } catch {
    // no JSON: the status has to do
  }
  if (answer.status === 401) {
    refused();
  }
  throw new Refusal(answer.status, message);
}

/** A path with the parameters that are not empty. */
export function path(base, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== '') {
      query.set(name, value);
    }
  }
  const text = query.toString();
  return text === '' ? base : `${base}?${text}`;
}

/** What a GET answers. */
export async function get(where, options) {
  return (await ask(where, options)).json();
}

/** The path of a link to another page, at this node whatever host the link names. */
export function local(link) {
  const url = new URL(link, location.origin);
  return url.pathname + url.search;
}

/** A text within a $filter. */
export function containing(text) {
  return text === '' ? '' : `contains(name, '${text.replaceAll("'", "''")}')`;
}

/** Messages as clients publish them: each line as an object, until the signal says that it is enough. */
export async function tail(filter, signal, each) {
  const answer = await ask('/tail', {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ filter }),
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    lines.filter((line) => line !== '').forEach((line) => each(JSON.parse(line)));
  }
}
