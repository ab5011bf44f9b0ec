// The tabs with URL and code, and the button that copies what they show.
import { byId, el } from './dom.js';
import { tabs } from './code.js';

/** Output shows the form that is chosen. */
export class Output {
  constructor(announce) {
    this.chosen = tabs[0];
    this.buttons = tabs.map((tab) => {
      const button = el('button', { type: 'button', role: 'tab', id: `tab-${tab.id}`, 'aria-controls': 'code' }, tab.title);
      button.addEventListener('click', () => this.choose(tab));
      return button;
    });
    byId('tabs').append(...this.buttons);
    byId('tabs').addEventListener('keydown', (event) => this.key(event));
    byId('copy').addEventListener('click', () => this.copy(announce));
    this.choose(this.chosen);
  }

  choose(tab) {
    this.chosen = tab;
    tabs.forEach((one, i) => {
      this.buttons[i].setAttribute('aria-selected', String(one === tab));
      this.buttons[i].tabIndex = one === tab ? 0 : -1;
    });
    byId('code').setAttribute('aria-labelledby', `tab-${tab.id}`);
    this.draw();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (tabs.indexOf(this.chosen) + step + tabs.length) % tabs.length;
    this.choose(tabs[next]);
    this.buttons[next].focus();
  }

  /** show takes what is known of the URL; null while there is none. */
  show(known) {
    this.known = known;
    this.draw();
  }

  draw() {
    const known = this.known;
    let text = '';
    let note = '';
    if (known?.upload && this.chosen.noUpload) note = 'A file that a browser sends has no URL, and the server keeps nothing of it.';
    else if (known && !known.url && ['url', 'srcset', 'picture'].includes(this.chosen.id)) text = known.path;
    else if (known) text = this.chosen.text(known);
    if (known && !known.url && !note) note = 'Not signed: this studio only reads.';
    byId('code').firstElementChild.textContent = text;
    byId('code-note').textContent = note;
    byId('copy').disabled = text === '';
  }

  async copy(announce) {
    const text = byId('code').textContent;
    try {
      await navigator.clipboard.writeText(text);
      byId('copy').textContent = 'Copied';
      announce('Copied');
    } catch {
      // Without the permission people copy it themselves.
      getSelection().selectAllChildren(byId('code'));
      byId('copy').textContent = 'Selected';
      announce('Selected, copy it with the keyboard');
    }
    setTimeout(() => { byId('copy').textContent = 'Copy'; }, 1500);
  }
}
