// Numbers, times and bytes, as people read them.

const whole = new Intl.NumberFormat('en-US');
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** 12,345 */
export function count(value) {
  return whole.format(Math.round(value));
}

/** 12.3k, for a small place. */
export function brief(value) {
  if (value < 10) {
    return value === 0 ? '0' : value.toFixed(value < 1 ? 2 : 1);
  }
  if (value < 10_000) {
    return count(value);
  }
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(2)}M`;
}

/** 4.2 MB */
export function bytes(value) {
  let unit = 0;
  let left = value;
  while (left >= 1000 && unit + 1 < UNITS.length) {
    left /= 1000;
    unit++;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

/** 1.4 ms */
export function seconds(value) {
  if (value === null) {
    return '–';
  }
  if (value < 0.001) {
    return `${Math.round(value * 1e6)} µs`;
  }
  return value < 1 ? `${(value * 1e3).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(1)} s`;
}

/** 3 d 4 h */
export function duration(value) {
  const parts = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  let left = Math.max(0, Math.round(value));
  const words = [];
  for (const [size, name] of parts) {
    if (left >= size && words.length < 2) {
      words.push(`${Math.floor(left / size)} ${name}`);
      left %= size;
    } else if (words.length > 0) {
      break;
    }
  }
  return words.length === 0 ? '0 s' : words.join(' ');
}

/** 14:03:22 */
export function clock(date) {
  return date.toLocaleTimeString('en-GB');
}

/** 2026-11-29 14:03:22, of this browser's time zone. */
export function moment(text) {
  const date = new Date(text);
  return `${date.toLocaleDateString('sv-SE')} ${clock(date)}`;
}

/** Bytes of base64, as the API has it: that of URLs. */
export function decoded(base64) {
  return Uint8Array.from(atob(base64.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0));
}

/** A payload as text, or as hexadecimal digits where it is none; cut after so many bytes. */
export function payload(data, most = Infinity) {
  const shown = data.subarray(0, most);
  const rest = data.length > most ? '…' : '';
  try {
    const text = new TextDecoder('utf-8', { fatal: rest === '' }).decode(shown);
    // eslint-disable-next-line no-control-regex
    if (!/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(rest === '' ? text : text.slice(0, -1))) {
      return { kind: 'text', text: text + rest };
    }
  } catch {
    // no UTF-8
  }
  return { kind: 'hex', text: hex(shown) + rest };
}

/** 16 bytes a line: offset, digits, what is ASCII. */
function hex(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = Array.from(data.subarray(at, at + 16));
    const digits = row.map((one) => one.toString(16).padStart(2, '0')).join(' ');
    const signs = row.map((one) => (one >= 32 && one < 127 ? String.fromCharCode(one) : '·')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(47)}  ${signs}`);
  }
  return lines.join('\n');
}
