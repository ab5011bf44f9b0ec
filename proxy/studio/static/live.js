// The page with the plots.
import { getJSON, sign } from './api.js';
import { Chart } from './chart.js';
import { byId, mebibytes } from './dom.js';

const kept = 120; // samples, one each second
const count = (n) => String(Math.round(n * 10) / 10);
const account = (sample, name) => sample.memory.accounts.find((one) => one.name === name) ?? { in_use: 0, capacity: 0, waiting: 0 };
const waiting = (sample) => sample.memory.accounts.reduce((sum, one) => sum + one.waiting, 0);

const charts = [
  { id: 'plot-memory', title: 'Memory', unit: mebibytes, least: 2 ** 20, limit: (s) => s.memory.limit_bytes,
    lines: [{ name: 'in use', value: (s) => s.memory.total_bytes, text: (s) => `${mebibytes(s.memory.total_bytes)} of ${mebibytes(s.memory.limit_bytes)}` },
      { name: 'cache', value: (s) => s.cache.bytes }] },
  { id: 'plot-budget', title: 'Budget', unit: mebibytes, least: 2 ** 20, limit: (s) => account(s, 'transforms').capacity,
    lines: [{ name: 'jobs', value: (s) => account(s, 'transforms').in_use },
      { name: 'sources', value: (s) => account(s, 'sources').in_use }] },
  { id: 'plot-workers', title: 'Workers', unit: count, limit: (s) => s.workers.most,
    lines: [{ name: 'busy', value: (s) => s.workers.busy }, { name: 'alive', value: (s) => s.workers.alive }] },
  { id: 'plot-requests', title: 'Requests each second', unit: count, least: 4,
    lines: [{ name: 'hits', value: (s) => s.rates.hits }, { name: 'misses', value: (s) => s.rates.misses },
      { name: 'queued', value: waiting }] },
].map((one) => new Chart(one, kept));

const samples = [];

function take(sample) {
  sample.at = performance.now();
  const before = samples.at(-1);
  const rate = (name) => (before ? Math.max(0, sample.cache[name] - before.cache[name]) / ((sample.at - before.at) / 1000) : 0);
  sample.rates = { hits: rate('hits'), misses: rate('misses') + rate('collapsed') };
  samples.push(sample);
  if (samples.length > kept) samples.shift();
  for (const chart of charts) chart.draw(samples);
}

async function poll() {
  const trouble = byId('trouble');
  try {
    if (!document.hidden) take(await getJSON('/studio/api/figures'));
    trouble.hidden = true;
  } catch (error) {
    trouble.textContent = `No figures: ${error.message}`;
    trouble.hidden = false;
  }
  setTimeout(poll, 1000);
}

// Each click asks for other sizes, so that there is work to see, and for each once more, which is a hit.
async function sendLoad(button, samplesOfServer) {
  button.disabled = true;
  const variants = Array.from({ length: 16 }, () => ({ options: `w:${300 + Math.floor(900 * Math.random())}/f:avif` }));
  const sets = await Promise.all(samplesOfServer.slice(0, 3).map((url) => sign({ url }, variants)));
  const paths = sets.flat().map((one) => one.path);
  const get = (path) => fetch(path, { cache: 'no-store' }).then((response) => response.arrayBuffer()).catch(() => null);
  await inTurns(paths, async (path) => { await get(path); await get(path); });
  button.disabled = false;
}

// A browser has six connections to a server; the plots need one of them.
async function inTurns(paths, get) {
  let next = 0;
  const takeTurns = async () => { while (next < paths.length) await get(paths[next++]); };
  await Promise.all(Array.from({ length: 4 }, takeTurns));
}

byId('plots').append(...charts.map((chart) => chart.element));
poll();
if (byId('load')) {
  const { samples: sources } = await getJSON('/studio/api/options');
  byId('load').addEventListener('click', (event) => sendLoad(event.target, sources));
}
