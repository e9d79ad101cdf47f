import type {
  ActivityView,
  BeliefView,
  EventView,
  JobView,
  RangeView as Commits,
} from '@kbisect/coordinator/http/dashboard/views';
import { ask, hear, tell } from './api.js';
import { certificate, type Report } from './certificate.js';
import { CommitPanel } from './commit-panel.js';
import { button, byId, byIdOf, el, fill, say, table } from './dom.js';
import { EventList } from './event-list.js';
import { legend } from './legend.js';
import { onceInAWhile } from './once-in-a-while.js';
import { posterior } from './posterior.js';
import { RangeState, type Verdict } from './range-state.js';
import { RangeView } from './range-view.js';
import { count, duration, percent, short } from './words.js';

const id = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const base = `/api/jobs/${encodeURIComponent(id)}`;
const VERDICTS: Readonly<Record<string, Verdict>> = {
  VERDICT_OLD: 'old',
  VERDICT_NEW: 'new',
  VERDICT_SKIP: 'skip',
};

let job = await ask<JobView>(base);
let state: RangeState | undefined;
let view: RangeView | undefined;
const panel = new CommitPanel(() => job);
const list = new EventList();
byId('events').replaceChildren(list.element);
byId('actions').append(button('Cancel the job', () => tell(`${base}/cancel`)));
byId('legend').replaceChildren(...legend(job.terms));

function showJob(): void {
  document.title = `${job.title} - kbisect`;
  byId('title').textContent = job.title || `Job ${job.job}`;
  const ends = `${job.terms.old} ${job.olds.map(short).join(', ')}, ${job.terms.new} ${short(job.new)}`;
  const shows = job.shows
    ? `; ${job.terms.old} shows ${job.shows.old}, ${job.terms.new} shows ${job.shows.new}`
    : '';
  const work = `${count(job.builds, 'build')}, ${count(job.trials, 'trial')}, ${job.cacheHits} cached, ${duration(job.seconds)}`;
  const agents = job.requires.length > 0 ? `, for agents with ${job.requires.join(', ')}` : '';
  byId('summary').textContent =
    `${job.mode}, job ${job.job}, ${job.priority} priority${agents}: ${ends}${shows}. ${work}.`;
  fill(byId('result'), ...resultOf());
  byId('actions').hidden = job.over;
}

function resultOf(): HTMLElement[] {
  const { culprit, candidates = [], confidence } = job;
  const sure = confidence === undefined ? '' : ` (${percent(confidence)} sure)`;
  if (culprit) {
    const name = el('a', { class: 'id', href: `#${culprit.commit}` }, culprit.commit);
    return [el('p', {}, el('b', {}, `First ${job.terms.new} commit${sure}: `), name, ` ${culprit.subject}`)];
  }
  const each = candidates.map((commit) =>
    el('li', {}, el('a', { class: 'id', href: `#${commit}` }, short(commit))),
  );
  const left = job.candidatesLeft === undefined ? '' : `, ${count(job.candidatesLeft, 'candidate')} left`;
  return [
    el('p', {}, `${job.state}${left}${sure} ${job.reason}`),
    ...(each.length > 0 ? [el('ul', {}, ...each)] : []),
  ];
}

const refreshJob = onceInAWhile(150, async () => {
  job = await ask<JobView>(base);
  showJob();
  showWork();
  await panel.refresh();
});

const refreshBelief = onceInAWhile(60, async () => {
  if (state === undefined || view === undefined) return;
  state.believe(await ask<BeliefView>(`${base}/belief`));
  view.changed();
  fill(byId('posterior'), posterior(state));
});

const refreshReport = onceInAWhile(300, async () => {
  fill(byId('certificate'), ...certificate(id, await ask<Report>(`${base}/report`)));
});

/** Events come in a burst at first: what they change is drawn once. */
let waiting: EventView[] = [];
function happened(event: EventView): void {
  waiting.push(event);
  if (waiting.length > 1) return;
  requestAnimationFrame(() => {
    const events = waiting;
    waiting = [];
    for (const one of events) take(one);
    list.add(events, job.terms);
    state?.classify();
    view?.changed();
  });
}

function take({ leased, leaseEnded, judged, marked, rerun, ended, ...event }: EventView): void {
  const place = (commit: string) => state?.place(commit);
  if (leased) {
    const at = place(leased.commit);
    if (at !== undefined) state?.flights.set(leased.lease, at);
  }
  if (leaseEnded) state?.flights.delete(leaseEnded.lease);
  if (judged) {
    const at = place(judged.commit);
    const verdict = VERDICTS[judged.verdict];
    if (at !== undefined && verdict !== undefined) state?.verdicts.set(at, verdict);
  }
  if (marked) state?.marks.add(place(marked.commit) ?? -1);
  if (rerun) state?.marks.delete(place(rerun.commit) ?? -1);
  if (ended) state?.flights.clear();
  if (judged || marked || rerun || ended || event.tried || event.collapsed || event.refuted || event.started)
    refreshBelief();
  if (judged || marked || ended || event.tried || event.built || event.checked || event.checking)
    refreshJob();
  if (ended || event.checked || event.checking) refreshReport();
}

let activity: ActivityView | undefined;

function showWork(): void {
  if (activity === undefined) return;
  const { left, rounds, seconds, waiting } = activity;
  const work = job.over ? [] : activity.work;
  const rows = work.map(({ agent, commit, phase, fraction }) => [
    agent,
    el('a', { class: 'id', href: `#${commit}` }, short(commit)),
    phase,
    fraction > 0
      ? el('progress', { value: fraction, max: 1, 'aria-label': `${phase} ${short(commit)}` })
      : '',
    fraction > 0 ? percent(fraction) : '',
  ]);
  const outlook = rounds > 0 ? `, about ${count(Math.ceil(rounds), 'round')}` : '';
  const time = seconds >= 1 ? `, ${duration(seconds)}` : '';
  fill(
    byId('work'),
    el('p', {}, job.over ? 'The job is over.' : `${count(left, 'candidate')} left${outlook}${time}.`),
    ...(waiting === undefined || job.over ? [] : [el('p', {}, `It waits: ${waiting}.`)]),
    ...(rows.length === 0 ? [] : [table(['Agent', 'Commit', 'Phase', 'How far', ''], rows, 'What runs')]),
  );
}

function takeActivity(told: ActivityView): void {
  activity = told;
  showWork();
}

function showCommit(commit: string): void {
  void panel
    .show(commit)
    .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)));
}

/** The commit that the address names; the old end is in no range. */
function showNamed(): void {
  const named = location.hash.slice(1);
  const place = state?.find(named);
  if (place !== undefined) view?.select(place, true);
  else if (/^[0-9a-f]{40}$/.test(named)) showCommit(named);
}

async function showRange(): Promise<void> {
  const commits = await ask<Commits>(`${base}/range`);
  state = new RangeState(commits);
  view = new RangeView(state);
  byId('range').replaceChildren(view.element, view.caption);
  view.chosen = (place, isFirm) => {
    const commit = commits.ids[place];
    if (!isFirm || commit === undefined) return;
    history.replaceState(undefined, '', `#${commit}`);
    showCommit(commit);
  };
  refreshBelief();
}

const follow = byIdOf('follow', HTMLInputElement);
follow.addEventListener('change', () => {
  if (view === undefined) return;
  view.follow = follow.checked;
  view.changed();
});
const zoomed = (act: (on: RangeView) => void) => () => {
  if (view === undefined) return;
  act(view);
  follow.checked = false;
};
byId('zoom-in').addEventListener(
  'click',
  zoomed((on) => on.zoom(0.5)),
);
byId('zoom-out').addEventListener(
  'click',
  zoomed((on) => on.zoom(2)),
);
byId('zoom-all').addEventListener(
  'click',
  zoomed((on) => on.showAll()),
);
byIdOf('goto', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const prefix = byIdOf('goto-commit', HTMLInputElement).value.trim().toLowerCase();
  const place = state?.find(prefix);
  if (place === undefined) say(`no one commit of the range begins with ${prefix}`);
  else view?.select(place, true);
});
addEventListener('hashchange', showNamed);

showJob();
byId('certificate').replaceChildren(...certificate(id, undefined));
await showRange().catch((error: unknown) => {
  const words = error instanceof Error ? error.message : String(error);
  byId('range').replaceChildren(el('p', {}, `There is no range to show: ${words}`));
});
hear(`${base}/events`, { event: happened, activity: takeActivity });
refreshReport();
showNamed();
