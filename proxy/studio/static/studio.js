// The page with the controls: puts its parts together.
import { getJSON, loadImage, sign, sourceFacts } from './api.js';
import { Controls } from './controls.js';
import { byId, el, later } from './dom.js';
import { CropArea, FocalPoint } from './dragging.js';
import { format, showFacts } from './facts.js';
import { Output } from './output.js';
import { decoded, sideBySide, Split } from './stage.js';
import { Setting, readFragment, writeFragment } from './settings.js';
import { knownOf, questions } from './variants.js';

const hints = {
  split: 'Drag the divider, or move it with the arrow keys. The original has the same size and crop, without loss.',
  compare: 'Setting A and setting B of the same source. Choose above the options which one to change.',
  crop: 'Drag a box over the source, its corners, or use the arrow keys: Shift changes the size.',
  focus: 'Click or drag the point that crops keep. It counts where the image is cropped, as with “fill”.',
};

const stage = byId('stage');
const state = { source: { url: '' }, a: new Setting(), b: new Setting(), side: 'a', view: 'split' };
let about; // what the server says of options, samples and itself
let current = new AbortController();
let fit = () => {};

const announce = (text) => { byId('status').textContent = text; };
const output = new Output(announce);
const split = new Split(stage);
const cropArea = new CropArea(stage, (args) => setByDragging('crop', args));
const focalPoint = new FocalPoint(stage, (args) => setByDragging('gravity', args));
let controls;

const active = () => state[state.side];
const refresh = later(180, () => update());

function setByDragging(name, args) {
  active().set(name, args);
  if (name === 'gravity' && !active().options.has('resizing_type')) active().set('resizing_type', ['fill']);
  controls.show(active());
  update();
}

/** update asks for what the state says, and shows it. A later update ends an earlier one. */
async function update() {
  current.abort();
  const ask = current = new AbortController();
  if (!state.source.file) writeFragment(state, about.options);
  byId('hint').textContent = hints[state.view];
  const wanted = questions(state, about.options);
  if (!about.signs) {
    output.show(knownOf(wanted, null, state, {}));
    return;
  }
  stage.querySelectorAll('.frame').forEach((frame) => frame.classList.add('busy'));
  try {
    const urls = await sign(state.source, wanted.variants, ask.signal);
    const answers = Object.fromEntries(wanted.names.map((name, i) => [name, urls[i]]));
    await draw(answers, wanted, ask.signal);
  } catch (error) {
    if (error.name !== 'AbortError') showFailure(error.message);
  }
}

async function draw(answers, wanted, signal) {
  output.show(answers.result.error ? null : knownOf(wanted, answers, state, {}));
  if (state.view === 'compare') return compare(answers, signal);
  const result = await load(answers.result, signal);
  const facts = await factsOfSource(answers.raw, signal);
  if (result.image) {
    showFacts(byId('facts'), result, result.image, facts);
    output.show(knownOf(wanted, answers, state, result));
    announce(`${format(result.type)}, ${result.image.naturalWidth} by ${result.image.naturalHeight}, ${result.bytes} bytes`);
  }
  if (state.view === 'crop' || state.view === 'focus') return edit(answers, signal);
  if (!result.image) return showFailure(result.error);
  split.show(result.image, null); // at once: the original without loss takes its time
  split.frame.classList.add('busy');
  fit = () => split.fit();
  const original = await load(answers.original, signal);
  split.show(result.image, original.image);
  stage.dataset.shows = answers.result.path; // all of it is there
}

async function compare(answers, signal) {
  const both = await Promise.all([load(answers.a, signal), load(answers.b, signal)]);
  const panes = both.map((one, i) => ({
    image: one.image, failure: failure(one.error), title: `${'AB'[i]}: ${one.image ? `${format(one.type)}, ${one.bytes.toLocaleString('en')} bytes` : 'error'}`,
  }));
  fit = sideBySide(stage, panes);
  fit();
  stage.dataset.shows = answers.result.path;
  const shown = both[state.side === 'a' ? 0 : 1];
  if (shown.image) showFacts(byId('facts'), shown, shown.image, await factsOfSource(answers.raw, signal));
}

// What drags work on is the source, which does not change with the options.
async function edit(answers, signal) {
  const source = await load(answers.source, signal);
  if (!source.image) return showFailure(source.error);
  const editor = state.view === 'crop' ? cropArea : focalPoint;
  editor.read(active().get(state.view === 'crop' ? 'crop' : 'gravity'));
  const hadFocus = stage.contains(document.activeElement);
  editor.show(source.image);
  stage.dataset.shows = answers.result.path;
  if (hadFocus) stage.querySelector('button').focus({ preventScroll: true });
  fit = () => editor.fit();
}

/** load requests the image of a signed URL. */
async function load(answer, signal) {
  if (answer.error) return { error: answer.error };
  const result = await loadImage(answer.path, state.source, signal);
  if (result.error !== undefined) return result;
  result.image = await decoded(result.blob, 'Result');
  if (!result.image) result.error = `This browser does not show ${format(result.type)}. Its ${result.bytes} bytes came in ${Math.round(result.milliseconds)} ms.`;
  return result;
}

let known = { of: null, facts: null }; // the source whose facts these are

async function factsOfSource(answer, signal) {
  const { url, file } = state.source;
  if (file) return { bytes: file.size, type: file.type };
  if (known.of !== url) known = { of: url, facts: answer.error ? null : await sourceFacts(answer.path, signal) };
  return known.facts;
}

function failure(text) {
  const [code, ...rest] = (text ?? '').split(': ');
  return el('div', { class: 'failure', role: 'alert' }, ...(rest.length > 0 ? [el('b', {}, code), ` ${rest.join(': ')}`] : [text ?? '']));
}

function showFailure(text) {
  stage.replaceChildren(failure(text));
  byId('facts').replaceChildren();
  fit = () => {};
}

async function showSamples() {
  const variants = [{ options: 'rs:fill:144:144/f:webp' }];
  for (const url of about.samples ?? []) {
    const [answer] = about.signs ? await sign({ url }, variants) : [];
    const name = url.replace(/^.*\/|\.\w+$/g, '').replace(/\..*$/, '');
    const button = el('button', { type: 'button', title: name, 'data-source': url },
      answer ? el('img', { src: answer.path, alt: `Sample: ${name}` }) : name);
    button.addEventListener('click', () => take({ url }));
    byId('samples').append(button);
  }
  mark();
}

function mark() {
  byId('source').value = state.source.file ? '' : state.source.url;
  byId('source').placeholder = state.source.file ? `file: ${state.source.file.name}` : 'https://…';
  for (const button of byId('samples').children) {
    button.setAttribute('aria-pressed', String(button.dataset.source === state.source.url));
  }
}

function take(source) {
  state.source = source;
  mark();
  update();
}

/** takeFile takes an image of the visitor's, or says why it does not. It is false where there is no file at all. */
function takeFile(files) {
  // A browser gives no type to files that it does not know, such as JPEG XL: the server looks at their bytes.
  const file = [...files].find((one) => one.type.startsWith('image/') || one.type === '');
  if (files.length === 0) return false;
  if (!about.uploads || !about.signs) refuseFile('No upload: This studio takes no files. The one of “pictor serve --dev” does.');
  else if (!file) refuseFile('No image: Only image files become previews. Choose another file.');
  else take({ url: '', file });
  return true;
}

function refuseFile(text) {
  current.abort(); // what is under way would be drawn over the text
  showFailure(text);
}

function listen() {
  byId('views').addEventListener('change', (event) => { state.view = event.target.value; update(); });
  byId('sides').addEventListener('change', (event) => { state.side = event.target.value; controls.show(active()); update(); });
  byId('again').addEventListener('click', () => update());
  byId('reset').addEventListener('click', () => { active().clear(); controls.show(active()); update(); });
  byId('find').addEventListener('input', (event) => controls.find(event.target.value));
  byId('source').addEventListener('input', later(500, (event) => take({ url: event.target.value.trim() })));
  addEventListener('hashchange', () => { readFragment(state, about.options); controls.show(active()); mark(); update(); });
  new ResizeObserver(() => fit()).observe(stage);
  byId('file')?.addEventListener('change', (event) => takeFile(event.target.files));
  addEventListener('paste', (event) => { if (takeFile(event.clipboardData.files)) event.preventDefault(); });
  stage.addEventListener('dragover', (event) => { event.preventDefault(); stage.classList.add('dropping'); });
  stage.addEventListener('dragleave', () => stage.classList.remove('dropping'));
  stage.addEventListener('drop', (event) => {
    event.preventDefault();
    stage.classList.remove('dropping');
    takeFile(event.dataTransfer.files);
  });
}

async function start() {
  about = await getJSON('/studio/api/options');
  state.source.url = about.samples?.[0] ?? 'https://example.com/photo.jpg';
  state.a.read('w:720/f:webp', about.options);
  state.b.read('w:720/f:avif/q:50', about.options);
  readFragment(state, about.options);
  document.querySelector(`#views [value="${state.view}"]`).checked = true;
  controls = new Controls(byId('options'), about.options, refresh);
  controls.show(active());
  listen();
  mark();
  if (!about.signs) {
    document.body.classList.add('reads');
    showFailure('This studio only reads. It makes no previews; “Explain” and “Live” show what the server does.');
  }
  await Promise.all([update(), showSamples()]);
}

start().catch((error) => showFailure(error.message));
