import type { CommitView, ConsoleView as Kept, JobView } from '@kbisect/coordinator/http/dashboard/views';
import { ask, askText, tell } from './api.js';
import { ConsoleView } from './console-view.js';
import { diff } from './diff.js';
import { button, byId, el, fill, table, type Child } from './dom.js';
import { clock, duration, short } from './words.js';

/** All that is known of one commit, and what can be done about it by hand. */
export class CommitPanel {
  #commit: string | undefined;
  #console: ConsoleView | undefined;
  readonly #place = byId('commit');
  readonly #facts = el('div');
  readonly #diff = el('div');
  readonly #consoles = el('div');
  readonly #shown = el('div');

  constructor(private readonly job: () => JobView) {}

  /** Shows a commit; what is there of it already is fetched again. */
  async show(commit: string): Promise<void> {
    const isNew = commit !== this.#commit;
    this.#commit = commit;
    if (isNew) {
      byId('commit-section').hidden = false;
      byId('commit-title').textContent = `Commit ${short(commit)}`;
      this.#close();
      this.#diff.replaceChildren(el('p', { class: 'soft' }, 'reading the diff'));
      this.#facts.replaceChildren();
      this.#consoles.replaceChildren();
      const right = el('div', {}, el('h3', {}, 'What it changes'), this.#diff);
      const left = el('div', {}, this.#facts, this.#consoles);
      this.#place.replaceChildren(el('div', { class: 'columns' }, left, right), this.#shown);
      void this.#showDiff(commit);
    }
    await this.refresh();
  }

  /** More may be known of the commit that is shown. */
  async refresh(): Promise<void> {
    const commit = this.#commit;
    if (commit === undefined) return;
    const base = `/api/jobs/${this.job().job}/commits/${commit}`;
    const [view, { consoles }] = await Promise.all([
      ask<CommitView>(base),
      ask<{ consoles: readonly Kept[] }>(`${base}/consoles`),
    ]);
    if (commit !== this.#commit) return;
    fill(this.#facts, ...this.#factsOf(view));
    fill(this.#consoles, el('h3', {}, 'Consoles'), this.#consolesOf(consoles));
  }

  async #showDiff(commit: string): Promise<void> {
    const text = await askText(`/api/jobs/${this.job().job}/commits/${commit}/diff`).catch(
      (error: unknown) => `it cannot be read: ${String(error)}`,
    );
    if (commit === this.#commit) this.#diff.replaceChildren(diff(text));
  }

  #factsOf({
    commit,
    subject,
    author,
    date,
    verdict,
    reason,
    mark,
    alike,
    evidence,
  }: CommitView): HTMLElement[] {
    const { job, over, terms } = this.job();
    const path = `/api/jobs/${job}`;
    const marked = (word: 'old' | 'new' | 'skip', label: string) =>
      button(`Mark ${label}`, async () => {
        await tell(`${path}/mark`, { commit, verdict: word });
        await this.refresh();
      });
    const again = button('Run it again', async () => {
      await tell(`${path}/rerun`, { commit });
      await this.refresh();
    });
    const by = mark === undefined ? '' : ` (marked by ${mark.by})`;
    const rows = evidence.map(({ kind, at, agent, seconds, shown }): Child[] => [
      clock(at),
      kind,
      agent,
      shown,
      seconds === 0 ? '' : duration(seconds),
    ]);
    const actions = [marked('old', terms.old), marked('new', terms.new), marked('skip', 'skip'), again];
    return [
      el('p', {}, el('b', {}, subject), el('br'), `${author}, ${date.slice(0, 10)}`),
      el('p', {}, el('code', {}, commit)),
      el(
        'p',
        {},
        verdict === undefined
          ? 'No verdict yet.'
          : `Verdict: ${verdict}${by || (reason ? ` (${reason})` : '')}`,
      ),
      ...(alike.length > 0
        ? [
            el(
              'p',
              {},
              'Gives the image of ',
              ...alike.map((other) => el('a', { class: 'id', href: `#${other}` }, `${short(other)} `)),
            ),
          ]
        : []),
      ...(over ? [] : [el('div', { class: 'bar' }, ...actions)]),
      el('h3', {}, 'Evidence'),
      rows.length === 0
        ? el('p', {}, 'Not tested.')
        : table(['At', 'What', 'Where or who', 'Shown', 'Time'], rows, 'Evidence'),
    ];
  }

  #consolesOf(consoles: readonly Kept[]): HTMLElement {
    if (consoles.length === 0) return el('p', {}, 'None.');
    const items = consoles.map((one, number) => {
      const label = `${number + 1}: ${one.outcome ?? `running on ${one.agent}`}`;
      return el(
        'li',
        { 'data-of': one.lease ?? one.blob?.digest },
        `${label} `,
        button('Show', () => this.#showConsole(one, label), `Show console ${label}`),
      );
    });
    return el('ul', {}, ...items);
  }

  async #showConsole({ blob, lease }: Kept, label: string): Promise<void> {
    this.#close();
    const view = new ConsoleView(`Console ${label}`);
    this.#console = view;
    this.#shown.replaceChildren(el('h3', {}, `Console ${label}`), view.element);
    if (lease !== undefined) view.follow(this.job().job, lease);
    else if (blob !== undefined) await view.show(blob);
  }

  #close(): void {
    this.#console?.close();
    this.#console = undefined;
    this.#shown.replaceChildren();
  }
}
