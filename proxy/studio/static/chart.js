// A line chart over time, in SVG.
import { el, svg } from './dom.js';

const height = 200;
const left = 62;
const bottom = 20;

/** Chart plots lines of the last samples. Each line has a name, and value takes it from a sample. */
export class Chart {
  constructor({ id, title, lines, limit, unit, least = 1 }, samples) {
    Object.assign(this, { title, lines, limit, unit, least, samples });
    this.keys = lines.map((line, i) => ({ text: el('b', {}), element: el('span', { class: `key k${i}` }, `${line.name} `) }));
    this.keys.forEach((key) => key.element.append(key.text));
    this.picture = svg('svg', { role: 'img', 'aria-label': title });
    this.element = el('figure', { class: 'plot card', id },
      el('figcaption', {}, el('h2', {}, title), ...this.keys.map((key) => key.element)), this.picture);
  }

  /** draw plots samples, the newest of which is the last one. */
  draw(samples) {
    const last = samples.at(-1);
    const width = Math.max(this.picture.clientWidth, 240);
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const values = this.lines.map((line) => samples.map((sample) => line.value(sample)));
    const peak = Math.max(this.least, ...values.flat());
    // A limit far above all that there is would press the lines to the ground.
    const given = this.limit?.(last) ?? 0;
    const limit = given > 8 * peak ? 0 : given;
    const most = roundUp(Math.max(peak, limit));
    const y = (value) => height - bottom - ((height - bottom - 8) * value) / most;
    const x = (i) => width - ((width - left) * (samples.length - 1 - i)) / (this.samples - 1);
    const marks = [0, 0.5, 1].map((share) => share * most);
    const parts = marks.flatMap((mark) => [
      svg('line', { class: 'grid', x1: left, x2: width, y1: y(mark), y2: y(mark) }),
      svg('text', { x: left - 6, y: y(mark) + 4, 'text-anchor': 'end' }, this.unit(mark))]);
    if (limit > 0) parts.push(svg('line', { class: 'limit', x1: left, x2: width, y1: y(limit), y2: y(limit) }));
    values.forEach((line, n) => {
      const points = line.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
      parts.push(svg('polygon', { class: `area c${n}`, points: `${x(0).toFixed(1)},${y(0)} ${points} ${width},${y(0)}` }),
        svg('polyline', { class: `line c${n}`, points, 'vector-effect': 'non-scaling-stroke' }));
    });
    parts.push(svg('text', { x: left, y: height - 4 }, '2 minutes ago'), svg('text', { x: width, y: height - 4, 'text-anchor': 'end' }, 'now'));
    this.picture.replaceChildren(...parts);
    const now = this.lines.map((line, n) => `${line.name} ${line.text?.(last) ?? this.unit(values[n].at(-1))}`);
    this.keys.forEach((key, n) => { key.text.textContent = now[n].slice(this.lines[n].name.length + 1); });
    this.picture.setAttribute('aria-label', `${this.title}: ${now.join(', ')}`);
  }
}

// roundUp is a round number of at least 2 % more. The steps go beyond ten: 9.9 has its next one at 15.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15].map((step) => step * power).find((step) => step >= value * 1.02);
}
