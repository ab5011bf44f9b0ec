// The controls of all options, made from the declarations that the server sends.
import { el } from './dom.js';
import { field } from './fields.js';
import { shortName } from './settings.js';

// The groups that are open at first: what most people come for.
const open = new Set(['Size', 'Format and quality']);

/** Controls shows a setting, and changes it. */
export class Controls {
  constructor(root, declared, changed) {
    this.changed = changed;
    this.setting = null;
    this.rows = new Map();
    this.groups = new Map();
    // What only sums up others would have two controls for one thing.
    for (const option of declared.filter((one) => !one.sums_up)) this.add(root, option);
  }

  add(root, option) {
    const name = option.names[0];
    if (!this.groups.has(option.group)) {
      const count = el('span', { class: 'count', hidden: true });
      const details = el('details', { class: 'group', open: open.has(option.group) },
        el('summary', {}, el('span', {}, option.group), count));
      root.append(details);
      this.groups.set(option.group, { details, count, names: [], wasOpen: null });
    }
    const group = this.groups.get(option.group);
    group.names.push(name);
    const row = this.row(option);
    group.details.append(row.element);
    this.rows.set(name, { ...row, group, words: `${option.names.join(' ')} ${option.text}`.toLowerCase() });
  }

  row(option) {
    const name = option.names[0];
    const title = words(name);
    const about = el('button', { type: 'button', class: 'about', 'aria-expanded': 'false', 'aria-label': `About ${title}` }, '?');
    const text = el('p', { class: 'about-text', hidden: true }, plain(option.text));
    about.addEventListener('click', () => {
      text.hidden = !text.hidden;
      about.setAttribute('aria-expanded', String(!text.hidden));
    });
    const fallbacks = plain(option.default).split(':');
    const isSole = option.arguments.length === 1;
    const fields = option.arguments.map((argument, i) => {
      const made = field(argument, isKnown(fallbacks[i]) ? fallbacks[i] : '', `o-${name}-${i}`,
        (value) => this.take(name, i, value));
      const label = isSole ? title : words(argument.name);
      return { ...made, box: el('label', { class: isSole ? 'argument sole' : 'argument', for: made.id },
        el('span', { class: 'label' }, label), made.element) };
    });
    const element = el('fieldset', { class: 'option', 'data-option': name },
      el('legend', { class: 'hidden' }, title),
      el('div', { class: 'head' }, el('span', { class: 'title' }, title), el('code', {}, shortName(option)), about),
      text, el('div', { class: 'arguments' }, ...fields.map((one) => one.box)));
    return { element, fields };
  }

  take(name, i, value) {
    const args = [...this.setting.get(name)];
    while (args.length <= i) args.push('');
    args[i] = value;
    this.setting.set(name, args);
    this.mark(name);
    this.changed();
  }

  /** show puts a setting into the controls. */
  show(setting) {
    this.setting = setting;
    for (const [name, row] of this.rows) {
      row.fields.forEach((one, i) => one.show(setting.get(name)[i] ?? ''));
      this.mark(name);
    }
  }

  mark(name) {
    const { element, group } = this.rows.get(name);
    element.classList.toggle('set', this.setting.options.has(name));
    const n = group.names.filter((one) => this.setting.options.has(one)).length;
    group.count.textContent = String(n);
    group.count.hidden = n === 0;
  }

  /** find shows the options that have all words of a text, and all of them for none. */
  find(text) {
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of this.rows.values()) row.element.hidden = !wanted.every((word) => row.words.includes(word));
    for (const [name, group] of this.groups) {
      const some = group.names.some((one) => !this.rows.get(one).element.hidden);
      group.details.hidden = !some;
      group.details.open = wanted.length > 0 ? some : open.has(name);
    }
  }
}

// words is a name as people write it.
const words = (name) => name.replaceAll(/[_-]/g, ' ').replace(/^./, (first) => first.toUpperCase());

// plain is Markdown without its marks.
const plain = (text) => text.replaceAll('`', '').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');

// isKnown says whether a default is one that can be shown in a field.
const isKnown = (text) => text !== undefined && /^[a-z0-9.-]{1,12}$/.test(text) && text !== 'none' && text !== 'never' && text !== 'off';
