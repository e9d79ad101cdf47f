import { askText, hear } from './api.js';
import { button, el } from './dom.js';
import { bytes, count } from './words.js';

/** Bytes that are shown of a console. */
const MOST = 1024 * 1024;

/** A console with a search in it; one of a trial that runs grows as it is written. */
export class ConsoleView {
  readonly element: HTMLElement;
  readonly #text = document.createTextNode('');
  readonly #pre: HTMLElement;
  readonly #find = el('input', { type: 'search', autocomplete: 'off', 'aria-label': 'Find in the console' });
  readonly #count = el('span', { role: 'status' });
  #found: Range[] = [];
  #here = 0;
  #stop: () => void = () => undefined;

  constructor(label: string) {
    this.#pre = el('pre', { tabindex: 0, role: 'region', 'aria-label': label }, this.#text);
    const go = (step: number) => () => this.#go(this.#here + step);
    this.element = el(
      'div',
      {},
      el('div', { class: 'bar' }, this.#find, button('Previous', go(-1)), button('Next', go(1)), this.#count),
      this.#pre,
    );
    this.#find.addEventListener('input', () => this.#search());
    this.#find.addEventListener('keydown', ({ key, shiftKey }) => {
      if (key === 'Enter') this.#go(this.#here + (shiftKey ? -1 : 1));
    });
  }

  /** Shows a console that is kept. */
  async show({ digest, size }: { readonly digest: string; readonly size: number }): Promise<void> {
    if (size === 0) {
      this.#text.data = '[it is empty]';
      return;
    }
    // The end tells what happened.
    const headers: Record<string, string> = size > MOST ? { range: `bytes=${size - MOST}-${size - 1}` } : {};
    const text = await askText(`/cas/${digest}`, headers);
    this.#text.data = size > MOST ? `[the last ${bytes(MOST)} of ${bytes(size)}]\n${text}` : text;
    this.#search();
  }

  /** Follows the console of a trial that runs. */
  follow(job: string, lease: string): void {
    this.#stop = hear(`/api/jobs/${job}/consoles/${lease}`, {
      text: (text: string) => {
        const atEnd = this.#pre.scrollTop + this.#pre.clientHeight >= this.#pre.scrollHeight - 8;
        this.#text.data = (this.#text.data + text).slice(-MOST);
        if (atEnd) this.#pre.scrollTop = this.#pre.scrollHeight;
        this.#search();
      },
      end: () => this.#text.appendData('\n[the trial is over]\n'),
    });
  }

  close(): void {
    this.#stop();
    CSS.highlights.delete('found');
    CSS.highlights.delete('here');
  }

  #search(): void {
    const words = this.#find.value.toLowerCase();
    const text = this.#text.data.toLowerCase();
    this.#found = [];
    for (let at = text.indexOf(words); words !== '' && at >= 0; at = text.indexOf(words, at + words.length)) {
      const range = new Range();
      range.setStart(this.#text, at);
      range.setEnd(this.#text, at + words.length);
      this.#found.push(range);
      if (this.#found.length >= 10_000) break;
    }
    CSS.highlights.set('found', new Highlight(...this.#found));
    CSS.highlights.delete('here');
    this.#count.textContent = words === '' ? '' : count(this.#found.length, 'hit');
    this.#here = -1;
  }

  #go(to: number): void {
    const { length } = this.#found;
    if (length === 0) return;
    this.#here = (to + length) % length;
    const range = this.#found[this.#here]!;
    CSS.highlights.set('here', new Highlight(range));
    this.#count.textContent = `${this.#here + 1} of ${count(length, 'hit')}`;
    const { top } = range.getBoundingClientRect();
    this.#pre.scrollTop += top - this.#pre.getBoundingClientRect().top - this.#pre.clientHeight / 2;
  }
}
