// The page that explains a URL.
import { postJSON } from './api.js';
import { byId, el } from './dom.js';

// Lines that say that something is wrong.
const bad = new Set(['wrong', 'why', 'and', 'refused', 'damage']);

async function explain(url) {
  const answer = byId('answer');
  answer.hidden = false;
  try {
    const { lines } = await postJSON('/studio/api/explain', { url });
    const [verdict, ...rest] = lines;
    const isGood = verdict.text === 'ok';
    answer.replaceChildren(
      el('p', { class: isGood ? 'verdict' : 'verdict bad' }, isGood ? 'The server serves it' : 'The server refuses it'),
      el('dl', {}, ...rest.flatMap(({ label, text }) => [el('dt', { class: bad.has(label) ? 'bad' : undefined }, label), el('dd', {}, text)])));
  } catch (error) {
    answer.replaceChildren(el('p', { class: 'verdict bad' }, error.message));
  }
}

byId('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const url = byId('url').value.trim();
  history.replaceState(null, '', `#${new URLSearchParams({ url })}`);
  explain(url);
});

const given = new URLSearchParams(location.hash.slice(1)).get('url');
if (given) {
  byId('url').value = given;
  explain(given);
}
