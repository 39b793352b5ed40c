// Small charts, drawn by hand.

import { h, s } from './dom.js';

const WIDTH = 240;
const HEIGHT = 44;

/** Values that have the whole width. */
const FEWEST = 30;

/**
 * A line over what came lately: values from old to new, null where nothing is known. The newest is
 * always at the right end.
 */
export function sparkline(label, values, most) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0) || 1;
  // the first minute has the whole width; then it becomes narrower until all are there
  const places = Math.min(most, Math.max(FEWEST, values.length));
  const step = WIDTH / (places - 1);
  const first = places - values.length;
  const points = values
    .map((value, i) => (value === null ? null : [(first + i) * step, HEIGHT - 3 - (value / top) * (HEIGHT - 8)]))
    .filter((point) => point !== null);
  const svg = s('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: 'spark',
    role: 'img',
    'aria-label': label,
    preserveAspectRatio: 'none',
  });
  if (points.length > 1) {
    const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' L');
    const from = points[0][0].toFixed(1);
    const to = points[points.length - 1][0].toFixed(1);
    svg.append(s('path', { class: 'area', d: `M${from},${HEIGHT} L${line} L${to},${HEIGHT} Z` }));
    svg.append(s('path', { class: 'line', d: `M${line}` }));
  }
  return svg;
}

/** A number that moves: its name, what it is now, what it was. */
export function tile(name, value, unit, note, values, most) {
  return h(
    'div',
    { class: 'tile' },
    h('div', { class: 'tile-name' }, name),
    h('div', { class: 'tile-value' }, value, h('small', {}, unit)),
    values === null ? null : sparkline(`${name}, the last minutes`, values, most),
    h('div', { class: 'tile-note' }, note),
  );
}

/** How full something is. */
export function bar(part, whole) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return s(
    'svg',
    { viewBox: '0 0 100 6', class: `bar-chart ${share > 0.8 ? 'bad' : ''}`, 'aria-hidden': 'true', preserveAspectRatio: 'none' },
    s('rect', { class: 'bar-back', width: 100, height: 6, rx: 1 }),
    s('rect', { class: 'bar-part', width: Math.max(share * 100, part > 0 ? 1 : 0), height: 6, rx: 1 }),
  );
}
