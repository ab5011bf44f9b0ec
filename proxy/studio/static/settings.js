// What the page is about: a source, two settings of options, and a view. It lives in the fragment of the page's URL, so
// that a link leads back to it, and the server learns nothing of it.

/** Setting is a set of options: long names with their arguments, the last of which may be missing. */
export class Setting {
  constructor() { this.options = new Map(); }

  get(name) { return this.options.get(name) ?? []; }

  /** set changes arguments. Empty ones at the end fall away, and so does an option without any. */
  set(name, args) {
    const kept = args.map(String);
    while (kept.length > 0 && kept.at(-1) === '') kept.pop();
    if (kept.length > 0) this.options.set(name, kept);
    else this.options.delete(name);
  }

  clear() { this.options.clear(); }

  copy() {
    const other = new Setting();
    for (const [name, args] of this.options) other.options.set(name, [...args]);
    return other;
  }

  /** text is the part of a path, in the order of the declarations. only, where given, picks options. */
  text(declared, only = () => true) {
    return declared.filter((option) => this.options.has(option.names[0]) && only(option))
      .map((option) => [shortName(option), ...this.get(option.names[0]).map(escapeArgument)].join(':')).join('/');
  }

  /** read takes options as a path has them. Those that are not declared are left out. */
  read(text, declared) {
    for (const segment of text.split('/').filter(Boolean)) {
      const [name, ...args] = segment.split(':');
      const option = declared.find((one) => one.names.includes(name));
      if (option) this.set(option.names[0], args.map(unescapeArgument));
    }
  }
}

export const shortName = (option) => option.names[1] ?? option.names[0];

// The colon stays: arguments that stand for any number of arguments have some.
const escapeArgument = (text) => encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%23', '');

function unescapeArgument(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** writeFragment puts the state into the URL of the page, without a new entry in its history. */
export function writeFragment(state, declared) {
  const fragment = new URLSearchParams();
  if (!state.source.file) fragment.set('source', state.source.url);
  for (const side of ['a', 'b']) {
    const text = state[side].text(declared);
    if (text) fragment.set(side, text);
  }
  if (state.view !== 'split') fragment.set('view', state.view);
  history.replaceState(null, '', `#${fragment}`);
}

/** readFragment is its inverse. */
export function readFragment(state, declared) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  state.source = { url: fragment.get('source') ?? state.source.url };
  for (const side of ['a', 'b']) {
    if (!fragment.has(side)) continue;
    state[side].clear();
    state[side].read(fragment.get(side), declared);
  }
  if (['split', 'compare', 'crop', 'focus'].includes(fragment.get('view'))) state.view = fragment.get('view');
}
