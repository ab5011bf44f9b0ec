// Runs before the first paint, so that no page flashes in the other theme. It is no module for that reason.
(() => {
  'use strict';
  const themes = ['auto', 'light', 'dark'];
  const names = { auto: 'as the system', light: 'light', dark: 'dark' };
  const signs = { auto: '◐', light: '☀', dark: '☾' };
  const root = document.documentElement;

  // A browser may refuse storage; the choice then holds for the page.
  const stored = () => {
    try { return localStorage.getItem('pictor-theme'); } catch { return null; }
  };
  const show = (theme) => { root.dataset.theme = theme; };
  show(themes.includes(stored()) ? stored() : 'auto');

  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const label = () => {
      button.textContent = signs[root.dataset.theme];
      button.setAttribute('aria-label', `Theme: ${names[root.dataset.theme]}`);
      button.title = button.getAttribute('aria-label');
    };
    button.hidden = false;
    label();
    button.addEventListener('click', () => {
      show(themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length]);
      try { localStorage.setItem('pictor-theme', root.dataset.theme); } catch { /* refused */ }
      label();
    });
  });
})();
