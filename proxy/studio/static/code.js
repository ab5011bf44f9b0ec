// The code of the tabs. Each program takes key and salt from PICTOR_KEY and PICTOR_SALT, signs the path, and prints the
// URL; the one for a shell requests it.

/** tabs are their names, with what makes their texts from what is known of a URL. */
export const tabs = [
  { id: 'url', title: 'URL', text: ({ url, upload }) => (upload ? `POST ${url}` : url) },
  { id: 'srcset', title: '<img srcset>', text: img, noUpload: true },
  { id: 'picture', title: '<picture>', text: picture, noUpload: true },
  { id: 'curl', title: 'curl', text: curl },
  { id: 'go', title: 'Go', text: go },
  { id: 'js', title: 'JavaScript', text: javascript },
  { id: 'python', title: 'Python', text: python },
  { id: 'php', title: 'PHP', text: php },
  { id: 'ruby', title: 'Ruby', text: ruby },
];

const escapeHTML = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

function img({ src, srcset, size }) {
  return `<img src="${escapeHTML(src)}"\n     srcset="${lines(srcset)}"\n     sizes="100vw"${size} alt="">`;
}

function picture({ sources, src, srcset, size }) {
  const all = sources.map(({ type, srcset: set }) => `  <source type="${type}" sizes="100vw"\n          srcset="${lines(set)}">`);
  return `<picture>\n${all.join('\n')}\n  <img src="${escapeHTML(src)}"\n       srcset="${lines(srcset)}"\n       sizes="100vw"${size} alt="">\n</picture>`;
}

const lines = (srcset) => escapeHTML(srcset).replaceAll(', ', ',\n             ');

// quoted is a text in single or double quotes. Paths are ASCII, and have no quote that is not escaped by a backslash here.
const single = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const double = (text) => JSON.stringify(text);
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const before = ({ server, upload }) => server + (upload ? '/transform' : '');

function curl(known) {
  const send = known.upload ? `curl -f -o result.${known.extension} -X POST -T photo.jpg` : `curl -f -o result.${known.extension}`;
  return `path=${shell(known.path)}
signature=$({ printf %s "$PICTOR_SALT" | perl -ne 'print pack "H*", $_'; printf %s "$path"; } |
  openssl dgst -sha256 -mac HMAC -macopt hexkey:"$PICTOR_KEY" -binary | openssl base64 -A | tr '+/' '-_' | tr -d =)
${send} ${shell(before(known))}"/$signature$path"`;
}

function go(known) {
  return `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
)

func main() {
	path := ${double(known.path)}
	key, _ := hex.DecodeString(os.Getenv("PICTOR_KEY"))
	salt, _ := hex.DecodeString(os.Getenv("PICTOR_SALT"))
	mac := hmac.New(sha256.New, key)
	mac.Write(salt)
	mac.Write([]byte(path))
	fmt.Println(${double(before(known))} + "/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + path)
}`;
}

function javascript(known) {
  return `import { createHmac } from 'node:crypto';

const path = ${double(known.path)};
const mac = createHmac('sha256', Buffer.from(process.env.PICTOR_KEY, 'hex'));
mac.update(Buffer.from(process.env.PICTOR_SALT, 'hex')).update(path);
console.log(${double(before(known))} + '/' + mac.digest('base64url') + path);`;
}

function python(known) {
  return `import base64, hashlib, hmac, os

path = ${double(known.path)}
key, salt = (bytes.fromhex(os.environ[name]) for name in ("PICTOR_KEY", "PICTOR_SALT"))
mac = hmac.new(key, salt + path.encode(), hashlib.sha256).digest()
signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
print(${double(before(known))} + "/" + signature + path)`;
}

function php(known) {
  return `<?php
$path = ${single(known.path)};
$mac = hash_hmac('sha256', hex2bin(getenv('PICTOR_SALT')) . $path, hex2bin(getenv('PICTOR_KEY')), true);
$signature = rtrim(strtr(base64_encode($mac), '+/', '-_'), '=');
echo ${single(before(known))} . "/$signature$path\\n";`;
}

function ruby(known) {
  return `require 'openssl'

path = ${single(known.path)}
key, salt = %w[PICTOR_KEY PICTOR_SALT].map { |name| [ENV.fetch(name)].pack('H*') }
mac = OpenSSL::HMAC.digest('sha256', key, salt + path.b)
signature = [mac].pack('m0').tr('+/', '-_').delete('=')
puts ${single(before(known))} + "/#{signature}#{path}"`;
}
