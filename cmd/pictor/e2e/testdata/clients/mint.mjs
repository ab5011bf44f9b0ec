// Mints URLs with imgproxy's published client packages, for the server's test:
// mint.mjs KEY SALT SOURCE, key and salt in hexadecimal. It prints JSON: for
// each URL its path, and the size and format that the picture must have. The
// source is 1600 by 1067 pixels.
import { createHmac } from 'node:crypto';
import { generateUrl } from '@imgproxy/imgproxy-js-core';
import { Imgproxy } from 'imgproxy';

const [key, salt, source] = process.argv.slice(2);
const out = [];

// js-core leaves signing to those who use it.
function core(type, options, width, height, format) {
  const value = type === 'plain' ? source : Buffer.from(source).toString('base64url');
  const path = generateUrl({ value, type }, options);
  const mac = createHmac('sha256', Buffer.from(key, 'hex'));
  mac.update(Buffer.from(salt, 'hex'));
  mac.update(path);
  out.push({ name: 'js-core ' + path, path: '/' + mac.digest('base64url') + path, width, height, format });
}

for (const type of ['plain', 'base64']) {
  core(type, {}, 1600, 1067, 'jpeg');
  core(type, { width: 150, height: 150, format: 'webp', quality: 80, enlarge: 't', extend: { extend: 1, gravity: { type: 'nowe', y_offset: 5 } }, blur: 5, zoom: 1.5 }, 225, 225, 'webp');
  core(type, { resize: { resizing_type: 'fill', width: 100, height: 50 }, gravity: { type: 'no' }, dpr: 2 }, 200, 100, 'jpeg');
  core(type, { size: { width: 300 }, padding: { top: 10, right: 20 }, background: 'ff0000', format: 'png' }, 340, 220, 'png');
  core(type, { crop: { width: 400, height: 0.5, gravity: { type: 'soea' } }, width: 200, rotate: 0, format: 'avif' }, 200, 267, 'avif');
  core(type, { width: 200, rotate: 90, sharpen: 0.5, pixelate: 2, strip_metadata: 'f', strip_color_profile: 't', auto_rotate: true, cachebuster: 'v1', expires: 4102444800 }, 200, 300, 'jpeg');
  core(type, { resizing_type: 'force', width: 120, height: 80, format_quality: [{ format: 'jpeg', quality: 50 }, { format: 'webp', quality: 40 }], max_bytes: 3000, skip_processing: ['gif'] }, 120, 80, 'jpeg');
  core(type, { width: 90, min_width: 120, trim: { threshold: 1 } }, null, null, 'jpeg');
  core(type, { gravity: { type: 'fp', x: 0.7, y: 0.4 }, resize: { resizing_type: 'fill', width: 64, height: 64 } }, 64, 64, 'jpeg');
  core(type, { gravity: { type: 'sm' }, resize: { resizing_type: 'fill', width: 64, height: 64 }, format: 'webp' }, 64, 64, 'webp');
}

function old(encode, build, width, height, format, extension) {
  const imgproxy = new Imgproxy({ baseUrl: 'http://pictor', key, salt, encode, insecure: false });
  const url = build(imgproxy.builder()).generateUrl(source, extension);
  out.push({ name: 'imgproxy ' + url, path: url.slice('http://pictor'.length), width, height, format });
}

for (const encode of [true, false]) {
  old(encode, (b) => b.resize('fill', 300, 200, 0).gravity('noea').dpr(2), 600, 400, 'jpeg');
  old(encode, (b) => b.resize('fit', 300, 0), 300, 200, 'webp', 'webp');
  old(encode, (b) => b.width(100).height(100).blur(2).quality(50).cacheBuster('x').background({ r: 255, g: 0, b: 0 }), 100, 67, 'jpeg');
  old(encode, (b) => b.crop(200, 100).maxBytes(5000).expires(4102444800).sharpen(1).format('png'), 200, 100, 'png');
}

console.log(JSON.stringify(out));
