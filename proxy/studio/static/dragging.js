// Crop and focal point, set on the image itself: with the pointer, or with the arrow keys.
import { clamp, el } from './dom.js';
import { follow, shape } from './stage.js';

const least = 0.02; // of a side

/** Handle is a button on an image, which the pointer or the arrow keys move. */
class Handle {
  constructor(root, changed, button) {
    this.root = root;
    this.changed = changed;
    this.button = button;
    this.frame = el('div', { class: 'frame cropframe' });
    this.frame.addEventListener('pointerdown', (event) => this.grab(event));
    this.button.addEventListener('keydown', (event) => this.key(event));
  }

  show(image) {
    this.image = image;
    this.frame.replaceChildren(image, this.button);
    this.room = el('div', { class: 'fit' }, this.frame);
    this.root.replaceChildren(this.room);
    this.frame.classList.remove('busy');
    this.fit();
    this.place();
  }

  fit() { shape(this.frame, this.image, this.room); }
}

const arrows = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, -0.02], ArrowDown: [0, 0.02] };

/** CropArea is the option crop as a box: shares of the source, from its north-west corner. */
export class CropArea extends Handle {
  constructor(root, changed) {
    super(root, changed, el('button', { type: 'button', class: 'croparea' },
      ...['nw', 'ne', 'sw', 'se'].map((corner) => el('i', { class: corner, 'data-corner': corner }))));
    this.box = { x: 0, y: 0, w: 1, h: 1 };
  }

  /** read takes the arguments of the option, as far as they are a box of this kind. */
  read(args) {
    const [w, h, gravity, x, y] = args;
    const share = (text) => (Number(text) > 0 && Number(text) < 1 ? Number(text) : 1);
    this.box = { w: share(w), h: share(h), x: 0, y: 0 };
    if (gravity === 'nowe') {
      this.box.x = clamp(Number(x) || 0, 0, 1 - this.box.w);
      this.box.y = clamp(Number(y) || 0, 0, 1 - this.box.h);
    } else {
      this.box.x = (1 - this.box.w) / 2;
      this.box.y = (1 - this.box.h) / 2;
    }
  }

  /** args are the arguments for the box; none where it is the whole source. */
  args() {
    const { x, y, w, h } = this.box;
    if (w > 0.999 && h > 0.999) return [];
    const side = (share) => (share > 0.999 ? '0' : round(share));
    return [side(w), side(h), 'nowe', round(x), round(y)];
  }

  place() {
    const { x, y, w, h } = this.box;
    Object.assign(this.button.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * w}%`, height: `${100 * h}%` });
    this.button.setAttribute('aria-label', `Cropped area: ${percent(w)} by ${percent(h)} of the image, ${percent(x)} from the left, ` +
      `${percent(y)} from the top. Arrow keys move it, with Shift they change its size.`);
  }

  grab(event) {
    event.preventDefault();
    this.button.focus({ preventScroll: true });
    const before = { ...this.box };
    const corner = event.target.dataset?.corner;
    const isInside = this.button.contains(event.target) && (before.w < 1 || before.h < 1);
    let from = null;
    follow(event, this.frame, (px, py) => {
      const at = { x: clamp(px, 0, 1), y: clamp(py, 0, 1) };
      from ??= at;
      if (corner) this.stretch(before, corner, at);
      else if (isInside) this.shift(before, at.x - from.x, at.y - from.y);
      else if (Math.abs(at.x - from.x) > least && Math.abs(at.y - from.y) > least) this.span(from, at);
      this.place();
    }, () => this.changed(this.args()));
  }

  stretch(before, corner, at) {
    const east = before.x + before.w;
    const south = before.y + before.h;
    const opposite = { x: corner.includes('w') ? east : before.x, y: corner.includes('n') ? south : before.y };
    this.span(opposite, at);
  }

  span(a, b) {
    const w = clamp(Math.abs(a.x - b.x), least, 1);
    const h = clamp(Math.abs(a.y - b.y), least, 1);
    this.box = { w, h, x: clamp(Math.min(a.x, b.x), 0, 1 - w), y: clamp(Math.min(a.y, b.y), 0, 1 - h) };
  }

  shift(before, dx, dy) {
    this.box = { ...before, x: clamp(before.x + dx, 0, 1 - before.w), y: clamp(before.y + dy, 0, 1 - before.h) };
  }

  key(event) {
    const [dx, dy] = arrows[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    const b = this.box;
    if (event.shiftKey) this.box = { ...b, w: clamp(b.w + dx, least, 1 - b.x), h: clamp(b.h + dy, least, 1 - b.y) };
    else this.shift(b, dx, dy);
    this.place();
    this.changed(this.args());
  }
}

/** FocalPoint is the option gravity as a point on the source. */
export class FocalPoint extends Handle {
  constructor(root, changed) {
    super(root, changed, el('button', { type: 'button', class: 'point' }));
    this.at = { x: 0.5, y: 0.5 };
  }

  read([anchor, x, y]) {
    this.at = anchor === 'fp' ? { x: clamp(Number(x), 0, 1), y: clamp(Number(y), 0, 1) } : { x: 0.5, y: 0.5 };
  }

  place() {
    Object.assign(this.button.style, { left: `${100 * this.at.x}%`, top: `${100 * this.at.y}%` });
    this.button.setAttribute('aria-label', `Focal point: ${percent(this.at.x)} from the left, ${percent(this.at.y)} from the top. ` +
      'Arrow keys move it.');
  }

  grab(event) {
    event.preventDefault();
    this.button.focus({ preventScroll: true });
    follow(event, this.frame, (x, y) => this.move(x, y), () => this.tell());
  }

  move(x, y) {
    this.at = { x: clamp(x, 0, 1), y: clamp(y, 0, 1) };
    this.place();
  }

  tell() { this.changed(['fp', round(this.at.x), round(this.at.y)]); }

  key(event) {
    const [dx, dy] = arrows[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    this.move(this.at.x + dx, this.at.y + dy);
    this.tell();
  }
}

// Three digits are a pixel of an image of 1000.
const round = (share) => String(Math.round(share * 1000) / 1000);
const percent = (share) => `${Math.round(100 * share)} %`;
