// A field for an argument, made from its declaration alone: a new option needs no line here.
import { el, clamp } from './dom.js';

// Sliders reach as far as people usually go; the number beside them takes all that is allowed. They are by the names of
// arguments, which options share.
const usual = {
  pixels: [0, 2000, 1], factor: [0, 3, 0.05], sigma: [0, 20, 0.1], ratio: [0, 4, 0.05], size: [0, 60, 1],
  radius: [0, 300, 1], percent: [0, 100, 1],
};

/** field makes the control of an argument. change is called with its new text, "" for the default. */
export function field(argument, fallback, id, change) {
  const made = make(argument, fallback, id, change);
  return { ...made, id };
}

function make(argument, fallback, id, change) {
  switch (argument.kind) {
    case 'switch': return switchField(fallback, id, change);
    case 'choice': case 'turn': return choiceField(argument, fallback, id, change);
    case 'colour': return colourField(id, change);
    case 'whole': case 'decimal': return numberField(argument, fallback, id, change);
    default: return textField(argument, id, change);
  }
}

function switchField(fallback, id, change) {
  const box = el('input', { type: 'checkbox', id });
  const text = el('span');
  const isOn = (value) => (value === '' ? fallback === '1' : value === '1');
  const show = (value) => {
    box.checked = isOn(value);
    text.textContent = box.checked ? 'on' : 'off';
  };
  box.addEventListener('change', () => {
    const value = box.checked ? '1' : '0';
    change(value === (fallback || '0') ? '' : value);
  });
  return { element: el('span', { class: 'onoff' }, box, text), show };
}

function choiceField(argument, fallback, id, change) {
  const select = el('select', { id }, el('option', { value: '' }, fallback ? `default (${fallback})` : 'default'),
    ...argument.words.map((word) => el('option', { value: word }, word)));
  select.addEventListener('change', () => change(select.value));
  return { element: select, show: (value) => { select.value = value; } };
}

function colourField(id, change) {
  const picker = el('input', { type: 'color', 'aria-label': 'Pick a colour', tabindex: '-1' });
  const text = el('input', { type: 'text', id, placeholder: 'none', spellcheck: 'false', autocomplete: 'off' });
  picker.addEventListener('input', () => { text.value = picker.value.slice(1); change(text.value); });
  text.addEventListener('input', () => change(text.value.trim().replace(/^#/, '')));
  const show = (value) => {
    text.value = value;
    if (/^[0-9a-f]{6}$/i.test(value)) picker.value = `#${value}`;
  };
  return { element: el('span', { class: 'pair colour' }, picker, text), show };
}

function numberField(argument, fallback, id, change) {
  const isWhole = argument.kind === 'whole';
  const number = el('input', { type: 'number', id, min: isWhole ? argument.least : undefined, max: argument.most,
    step: isWhole ? 1 : 'any', placeholder: fallback || '0', inputmode: isWhole ? 'numeric' : 'decimal' });
  number.addEventListener('input', () => { if (number.validity.valid) change(number.value); });
  const reach = reachOf(argument, isWhole);
  if (!reach) return { element: number, show: (value) => { number.value = value; } };
  const [least, most, step] = reach;
  const slider = el('input', { type: 'range', min: least, max: most, step, 'aria-label': `${argument.name}, slider`, tabindex: '-1' });
  const rest = Number(fallback) || 0;
  const place = (value) => { slider.value = clamp(value === '' ? rest : Number(value), least, most); };
  slider.addEventListener('input', () => {
    number.value = Number(slider.value) === rest ? '' : slider.value;
    change(number.value);
  });
  number.addEventListener('input', () => place(number.value));
  const show = (value) => { number.value = value; place(value); };
  return { element: el('span', { class: 'pair' }, slider, number), show };
}

// reachOf is least, most and step of a slider; nothing where a slider would be of no use.
function reachOf(argument, isWhole) {
  const known = usual[argument.name];
  if (known) return [Math.max(known[0], argument.least), Math.min(known[1], argument.most), isWhole ? 1 : known[2]];
  const span = argument.most - argument.least;
  if (span > 512) return null;
  if (isWhole) return [argument.least, argument.most, 1];
  return [argument.least, argument.most, span <= 2 ? 0.01 : span / 200];
}

function textField(argument, id, change) {
  const text = el('input', { type: 'text', id, placeholder: argument.rest ? argument.name : '', spellcheck: 'false',
    autocomplete: 'off' });
  text.addEventListener('input', () => change(text.value.trim()));
  return { element: text, show: (value) => { text.value = value; } };
}
