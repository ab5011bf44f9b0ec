// Mints URLs as <NuxtImg> does, with the configuration of docs/frontends.md in nuxt.config.mjs: mint.mjs [KEY SALT].
// It prints JSON: for each URL the size and format that the image must have. The source is 1600 by 1067 pixels.
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const load = async (path) => import(pathToFileURL(realpathSync(path)));
globalThis.defineNuxtConfig = (config) => config;
const runtime = 'node_modules/@nuxt/image/dist/runtime';
const { createImage } = await load(`${runtime}/image.js`);
const { default: setup } = await load(`${runtime}/providers/imgproxy.js`);
const { default: { image } } = await load('nuxt.config.mjs');

const [key, salt] = process.argv.slice(2);
const $img = createImage({
  screens: { sm: 640, md: 768 }, densities: [1, 2], presets: {},
  ...image,
  providers: { imgproxy: { setup, defaults: { ...image.imgproxy, key, salt } } },
});

const remote = 'https://images.example.com/photos/dunes.jpg';
const out = [];
for (const [src, modifiers, width, height, format] of [
  ['/photos/dunes.jpg', { width: 300 }, 300, 200, 'jpeg'],
  ['/photos/dunes.jpg', { width: '300px', height: 300, fit: 'cover', format: 'webp', quality: 70 }, 300, 300, 'webp'],
  [remote, { width: 300, height: 300, fit: 'contain', format: 'png', background: 'ffffff' }, 300, 300, 'png'],
  [remote, { width: 300, height: 300, fit: 'fill', format: 'jpg' }, 300, 300, 'jpeg'],
  [remote, { width: 300, height: 300, fit: 'inside', format: 'avif' }, 300, 200, 'avif'],
  [remote, { height: 200, fit: 'outside', blur: 2 }, 300, 200, 'jpeg'],
]) {
  out.push({ name: JSON.stringify([src, modifiers]), url: $img(src, modifiers), width, height, format });
}
const { srcset } = $img.getSizes(remote, { sizes: '100vw sm:50vw md:400px', modifiers: { format: 'webp' } });
for (const candidate of srcset.split(', ')) {
  const [url, descriptor] = candidate.split(' ');
  out.push({ name: candidate, url, width: parseInt(descriptor), height: 0, format: 'webp' });
}
console.log(JSON.stringify(out));
