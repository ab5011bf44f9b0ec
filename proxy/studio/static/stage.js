// The stage: one image beside the original with a divider, or two settings beside each other.
import { clamp, el } from './dom.js';

/** shape makes a frame as large as an image, in CSS pixels, as far as there is room. */
export function shape(frame, image, room) {
  const by = Math.min(1, room.clientWidth / image.naturalWidth, room.clientHeight / image.naturalHeight);
  frame.style.width = `${Math.max(1, Math.round(image.naturalWidth * by))}px`;
  frame.style.height = `${Math.max(1, Math.round(image.naturalHeight * by))}px`;
}

/** decoded is an image that is ready to be shown. The URL of its blob goes when the image is let go of. */
export async function decoded(blob, alt) {
  const url = URL.createObjectURL(blob);
  const image = el('img', { src: url, alt, draggable: 'false' });
  try {
    await image.decode();
  } catch {
    return null; // a format that this browser does not know
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  return image;
}

/** Split shows the result over the original, from the divider to the right. */
export class Split {
  constructor(root) {
    this.root = root;
    this.at = 50;
    this.frame = el('div', { class: 'frame' });
    this.divider = el('div', { class: 'divider', role: 'slider', tabindex: '0', 'aria-label': 'Divider between original and result',
      'aria-valuemin': '0', 'aria-valuemax': '100' });
    this.divider.addEventListener('keydown', (event) => this.key(event));
    this.frame.addEventListener('pointerdown', (event) => this.drag(event));
  }

  show(result, original) {
    this.result = result;
    this.original = original;
    const tags = original ? [el('span', { class: 'tag left' }, 'Original'), el('span', { class: 'tag right' }, 'Result')] : [];
    this.frame.replaceChildren(...[original, result].filter(Boolean), ...tags, ...(original ? [this.divider] : []));
    this.room = el('div', { class: 'fit' }, this.frame);
    this.root.replaceChildren(this.room);
    this.frame.classList.remove('busy');
    this.fit();
    this.move(this.at);
  }

  fit() {
    if (this.result) shape(this.frame, this.result, this.room);
  }

  move(at) {
    this.at = clamp(at, 0, 100);
    this.divider.style.left = `${this.at}%`;
    this.divider.setAttribute('aria-valuenow', String(Math.round(this.at)));
    this.divider.setAttribute('aria-valuetext', `${Math.round(this.at)} % original`);
    if (this.result) this.result.style.clipPath = this.original ? `inset(0 0 0 ${this.at}%)` : '';
  }

  key(event) {
    const step = { ArrowLeft: -2, ArrowRight: 2, ArrowDown: -2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.move(this.at + step);
  }

  drag(event) {
    if (!this.original) return;
    event.preventDefault();
    this.divider.focus({ preventScroll: true });
    follow(event, this.frame, (x) => this.move(100 * x));
  }
}

/** follow calls move with the place of the pointer in an element, as shares of its sides, until it is let go. */
export function follow(event, element, move, end = () => {}) {
  const at = (e) => {
    const box = element.getBoundingClientRect();
    move((e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
  };
  const stop = () => {
    removeEventListener('pointermove', at);
    removeEventListener('pointerup', stop);
    removeEventListener('pointercancel', stop);
    end();
  };
  addEventListener('pointermove', at);
  addEventListener('pointerup', stop);
  addEventListener('pointercancel', stop);
  at(event);
}

/** sideBySide shows two results with what they are. */
export function sideBySide(root, panes) {
  const frames = panes.map(({ image, title, failure }) => {
    const frame = el('div', { class: 'frame' }, image);
    const fit = el('div', { class: 'fit' }, image ? frame : failure);
    return { frame, image, fit, element: el('figure', { class: 'pane' }, fit, el('figcaption', {}, title)) };
  });
  root.replaceChildren(...frames.map((one) => one.element));
  return () => {
    for (const one of frames) if (one.image) shape(one.frame, one.image, one.fit);
  };
}
