import type { EventView } from '@kbisect/coordinator/http/dashboard/views';
import { el } from './dom.js';
import { eventWords } from './event-words.js';
import { clock, short } from './words.js';

/** So many of the latest events are shown. */
const MOST = 300;

/** What happened to a job, latest first. */
export class EventList {
  readonly element = el('ol', { class: 'events', reversed: true });

  /** @param events the next ones, in their order */
  add(events: readonly EventView[], terms: { readonly old: string; readonly new: string }): void {
    const lines = events.slice(-MOST).flatMap((event) => {
      const said = eventWords(event, terms);
      if (said === undefined) return [];
      const { commit, words, look } = said;
      const name = commit ? [el('a', { class: 'id', href: `#${commit}` }, short(commit)), ' '] : [];
      const time = el('span', { class: 'soft' }, `${clock(event.at ?? 0)} `);
      return [el('li', {}, time, ...name, el('span', { class: look }, words))];
    });
    this.element.prepend(...lines.reverse());
    while (this.element.childElementCount > MOST) this.element.lastElementChild?.remove();
  }
}
