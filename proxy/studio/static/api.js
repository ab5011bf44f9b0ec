// Requests to this server, and what their responses say about themselves.

export async function getJSON(path) {
  const response = await fetch(path, { cache: 'no-store' });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

export async function postJSON(path, body, signal) {
  const response = await fetch(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

/** sign has variants of options signed. Each answer has path and plain, or error. */
export async function sign(source, variants, signal) {
  const question = { source: source.file ? '' : source.url, upload: Boolean(source.file), variants };
  return (await postJSON('/studio/api/sign', question, signal)).urls;
}

// The browser's own Accept of fetch is */*, which negotiates no format.
const imageTypes = 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8';

/** loadImage requests an image, and measures it. The browser's cache would hide what the server does. */
export async function loadImage(path, source, signal) {
  const began = performance.now();
  const response = await fetch(path, {
    cache: 'no-store', headers: { Accept: imageTypes }, signal, ...(source.file && { method: 'POST', body: source.file }),
  });
  const headers = response.headers;
  const result = { status: response.status, headers, timings: timingsOf(headers), cache: headers.get('cache-status') ?? '' };
  if (!response.ok) return { ...result, error: await response.text() };
  const blob = await response.blob();
  return { ...result, blob, type: blob.type, bytes: blob.size, milliseconds: performance.now() - began };
}

/** sourceFacts are size and type of a source, from its own bytes. */
export async function sourceFacts(path, signal) {
  const response = await fetch(path, { method: 'HEAD', signal });
  if (!response.ok) return null;
  return { bytes: Number(response.headers.get('content-length')), type: response.headers.get('content-type') };
}

// timingsOf reads Server-Timing: "fetch;dur=1.2, memory;desc=\"12 MiB\"".
function timingsOf(headers) {
  return (headers.get('server-timing') ?? '').split(', ').filter(Boolean).map((entry) => {
    const [name, ...rest] = entry.split(';');
    const value = (key) => rest.find((part) => part.startsWith(`${key}=`))?.slice(key.length + 1).replaceAll('"', '');
    return { name, duration: Number(value('dur') ?? 0), text: value('desc') ?? '' };
  });
}
