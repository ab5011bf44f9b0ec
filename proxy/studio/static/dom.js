// Small helpers around the DOM. Text from outside only ever becomes a text node or the value of an attribute.

/** el makes an element. Attributes that are false or undefined are left out, those that are true are empty. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg is el for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** bytesText is a size for people. */
export function bytesText(n) {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(n < 1e4 ? 1 : 0)} kB`;
  return `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} MB`;
}

/** mebibytes is an amount of memory for people. */
export function mebibytes(n) {
  if (n === 0) return '0';
  if (n >= 10 * 2 ** 30) return `${(n / 2 ** 30).toFixed(1)} GiB`;
  return `${(n / 2 ** 20).toFixed(n < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}

export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** later calls do when it was not called again for some milliseconds. */
export function later(milliseconds, perform) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => perform(...args), milliseconds);
  };
}
