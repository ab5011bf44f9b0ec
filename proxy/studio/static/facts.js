// The figures of a result, from its headers and its bytes.
import { bytesText, el } from './dom.js';

// The server's phases in words. Others of Server-Timing have figures of their own.
const phases = { verify: 'verify', lookup: 'look up', bucket: 'bucket', follow: 'share', queue: 'queue', fetch: 'fetch', transform: 'transform' };

// What figures of Server-Timing are, where their names do not say it.
const notes = { memory: 'reserved for the job', deferred: 'made when workers are idle' };

/** showFacts replaces the figures. source is what sourceFacts knows, null for nothing. */
export function showFacts(root, result, image, source) {
  const facts = [
    fact('Size', `${image.naturalWidth} × ${image.naturalHeight}`, 'pixels'),
    fact('Bytes', bytesText(result.bytes), saving(result.bytes, source)),
    fact('Format', format(result.type), source ? `source: ${format(source.type)}` : ''),
    fact('Time', `${result.milliseconds.toFixed(result.milliseconds < 10 ? 1 : 0)} ms`, breakdown(result.timings)),
    fact('Cache', cacheWord(result.cache), cacheMore(result.cache), result.cache),
  ];
  for (const { name, text } of result.timings) {
    if (!(name in phases) && text) facts.push(fact(title(name), text, notes[name]));
  }
  // Whatever pictor says of a result in headers of its own, such as a score or a placeholder.
  for (const [name, value] of result.headers) {
    if (name.startsWith('pictor-')) facts.push(fact(title(name.slice(7)), value, '', value));
  }
  root.replaceChildren(...facts);
}

function fact(name, value, more, hover) {
  return el('div', { class: value.length > 24 ? 'fact long' : 'fact', 'data-fact': name.toLowerCase(), title: hover || undefined },
    el('div', { class: 'name' }, name), el('div', { class: 'value' }, value), more ? el('div', { class: 'more' }, more) : null);
}

const title = (name) => name.replaceAll('-', ' ').replace(/^./, (first) => first.toUpperCase());

/** format is the name of a type for people. */
export const format = (type) => ({ jpeg: 'JPEG', 'svg+xml': 'SVG', webp: 'WebP', jxl: 'JPEG XL', 'x-icon': 'ICO' }[type?.split('/')[1]]
  ?? (type ?? '').replace('image/', '').toUpperCase());

function saving(bytes, source) {
  if (!source?.bytes) return '';
  const share = (100 * bytes) / source.bytes;
  return `${share < 10 ? share.toFixed(1) : Math.round(share)} % of the source`;
}

function breakdown(timings) {
  return timings.filter(({ name, duration }) => name in phases && duration >= 0.5).sort((a, b) => b.duration - a.duration).slice(0, 2)
    .map(({ name, duration }) => `${phases[name]} ${Math.round(duration)}`).join(', ');
}

// RFC 9211: "pictor; hit; ttl=3599" or "pictor; fwd=uri-miss; stored".
const cacheWord = (status) => (/;\s*hit/.test(status) ? 'hit' : { method: 'none', stale: 'stale' }[/fwd=([a-z-]+)/.exec(status)?.[1]] ?? 'miss');

function cacheMore(status) {
  const ttl = /ttl=(-?\d+)/.exec(status)?.[1];
  if (ttl) return `fresh for ${Number(ttl) > 5400 ? `${Math.round(ttl / 3600)} h` : `${Math.round(ttl / 60)} min`}`;
  if (/collapsed/.test(status)) return 'shared with others';
  return /stored/.test(status) ? 'stored now' : '';
}
