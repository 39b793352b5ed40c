// What the node's meters said lately, and what follows from that.

/** How often the node is asked, in milliseconds, and how many answers are kept. */
export const EVERY = 2_000;
export const KEPT = 150;

const MINUTE = 60_000;

/** The last answers of GET /node, oldest first. */
export class Meters {
  #answers = [];

  /** Takes in an answer. */
  add(node) {
    this.#answers.push({ at: performance.now(), node });
    if (this.#answers.length > KEPT) {
      this.#answers.shift();
    }
  }

  /** The last answer. */
  get node() {
    return this.#answers[this.#answers.length - 1].node;
  }

  /** The values of a meter, as the last answer has them; empty if it has none. */
  values(id) {
    return this.node.meters[id] ?? [];
  }

  /** The sum of a meter now. */
  sum(id, wanted) {
    return sum(this.node, id, wanted);
  }

  /** The sum of a gauge at each answer. */
  gauge(id) {
    return this.#answers.map((one) => sum(one.node, id));
  }

  /** How fast a counter grew before each answer, a second; null where that is not known. */
  rates(id, wanted) {
    return this.#answers.map((one, i) => {
      const before = this.#answers[i - 1];
      if (before === undefined) {
        return null;
      }
      const more = sum(one.node, id, wanted) - sum(before.node, id, wanted);
      // a node that was started again counts from the beginning
      return more < 0 ? null : (more * 1_000) / (one.at - before.at);
    });
  }

  /** How fast it grows now: over the last ten seconds. */
  rate(id, wanted) {
    return this.lately(id, 10_000, wanted).rate;
  }

  /** By how much a counter grew within a time, and how fast. */
  lately(id, milliseconds = MINUTE, wanted) {
    const last = this.#answers[this.#answers.length - 1];
    const first = this.#since(milliseconds);
    const more = Math.max(0, sum(last.node, id, wanted) - sum(first.node, id, wanted));
    return { more, rate: last === first ? 0 : (more * 1_000) / (last.at - first.at) };
  }

  /** A percentile of a timer over the last minute, in seconds; null if nothing was timed. */
  percentile(id, share) {
    return percentile(this.#since(MINUTE).node, this.node, id, share);
  }

  /** The same before each answer. */
  percentiles(id, share) {
    return this.#answers.map((one, i) => (i === 0 ? null : percentile(this.#answers[i - 1].node, one.node, id, share)));
  }

  /** The ids of timers, as the last answer has them. */
  timers() {
    return Object.entries(this.node.meters)
      .filter(([, values]) => values.some((value) => value.buckets !== undefined))
      .map(([id]) => id);
  }

  #since(milliseconds) {
    const now = this.#answers[this.#answers.length - 1].at;
    return this.#answers.find((one) => now - one.at <= milliseconds);
  }
}

function sum(node, id, wanted = () => true) {
  return (node.meters[id] ?? []).filter((one) => wanted(one.tags ?? {})).reduce((all, one) => all + (one.value ?? 0), 0);
}

/** The bound of the bucket in which the percentile of what came between two answers is. */
function percentile(before, now, id, share) {
  const buckets = (node) => (node.meters[id] ?? []).flatMap((one) => one.buckets ?? []);
  const total = (node) => (node.meters[id] ?? []).reduce((all, one) => all + (one.count ?? 0), 0);
  const more = total(now) - total(before);
  if (more <= 0) {
    return null;
  }
  const at = (all, bound) => all.filter((one) => one.seconds === bound).reduce((some, one) => some + one.count, 0);
  const then = buckets(before);
  const all = buckets(now);
  const bounds = [...new Set(all.map((one) => one.seconds))].sort((a, b) => a - b);
  let low = 0;
  let below = 0;
  for (const bound of bounds) {
    const upTo = at(all, bound) - at(then, bound);
    if (upTo >= share * more) {
      // evenly spread within a bucket: as good a guess as its bound, and it moves
      return low + ((bound - low) * (share * more - below)) / Math.max(1, upTo - below);
    }
    low = bound;
    below = upTo;
  }
  return bounds.length === 0 ? null : low;
}
