// Which URLs the page needs for a state, and what the code is made from.

// The groups whose options say which pixels are seen, not how they look: those that the original has, too.
const geometry = new Set(['Size', 'Crop and canvas', 'Orientation', 'Animation and pages']);
const isGeometry = (option) => geometry.has(option.group) && option.names[0] !== 'padding';
const isNotFormat = (option) => option.names[0] !== 'format';
const join = (...parts) => parts.filter(Boolean).join('/');

/** widthsOf are those of a srcset: half and twice the width that is asked for, or usual ones. */
function widthsOf(setting) {
  const width = Number(setting.get('width')[0]) || 0;
  if (width < 2) return [320, 640, 960, 1280];
  return [...new Set([Math.round(width / 2), width, Math.min(2 * width, 8192)])];
}

/** questions are the variants to sign, with names for them in the same order. */
export function questions(state, declared) {
  const setting = state[state.side];
  const text = setting.text(declared);
  const bare = setting.text(declared, isNotFormat);
  const still = setting.text(declared, isGeometry);
  const isUpload = Boolean(state.source.file);
  const all = { result: { options: text } };
  if (state.view === 'split') all.original = { options: join(still, 'f:png') };
  if (state.view === 'compare') {
    all.a = { options: state.a.text(declared) };
    all.b = { options: state.b.text(declared) };
  }
  if (state.view === 'crop' || state.view === 'focus') all.source = { options: 'w:1400/h:1400/f:webp/q:85' };
  if (!isUpload) {
    const widths = widthsOf(setting);
    Object.assign(all, {
      raw: { options: 'raw:1' }, set: { options: text, widths },
      avif: { options: join(bare, 'f:avif'), widths }, webp: { options: join(bare, 'f:webp'), widths },
      jpeg: { options: join(bare, 'f:jpg'), widths },
    });
  }
  return { names: Object.keys(all), variants: Object.values(all), text };
}

/** knownOf is what the code is made from. Without answers nothing is signed. */
export function knownOf(wanted, answers, state, result) {
  const source = state.source.url;
  const server = location.origin;
  if (!answers) return { server: 'https://img.example.com', path: `/${join(wanted.text, `plain/${source}`)}`, extension: 'img' };
  const whole = (path) => server + path;
  const wholeSet = (answer) => (answer?.srcset ?? '').split(', ').filter(Boolean).map(whole).join(', ');
  const { result: one, set, avif, webp, jpeg } = answers;
  const image = result.image;
  const extension = { 'image/jpeg': 'jpg', 'image/svg+xml': 'svg' }[result.type] ?? result.type?.split('/')[1] ?? 'img';
  return {
    server: server + prefixOf(one), path: one.plain, url: whole(one.path), upload: Boolean(state.source.file), extension,
    src: whole(one.path), srcset: wholeSet(set),
    size: image ? ` width="${image.naturalWidth}" height="${image.naturalHeight}"` : '',
    sources: [{ type: 'image/avif', srcset: wholeSet(avif) }, { type: 'image/webp', srcset: wholeSet(webp) }],
    fallback: jpeg,
  };
}

// prefixOf is what stands before the signature, without the mark of uploads.
function prefixOf({ path, plain }) {
  const before = path.slice(0, path.length - plain.length);
  return before.slice(0, before.lastIndexOf('/')).replace(/\/transform$/, '');
}
