import type { AgentResult, JobResult, Span } from '@kbisect/coordinator/http/dashboard/views';
import { hear } from './api.js';
import { byId, byIdOf, el, fill, table, type Child } from './dom.js';
import { jobTable } from './job-table.js';
import { timeline } from './timeline.js';
import { percent, short } from './words.js';

let agents: readonly AgentResult[] = [];
const jobs = new Map<string, JobResult>();
const spans = new Map<string, Span>();
const hours = byIdOf('hours', HTMLSelectElement);

for (const [value, words] of [
  [0.25, 'quarter of an hour'],
  [1, 'hour'],
  [8, '8 hours'],
  [24, 'day'],
] as const)
  hours.append(el('option', { value }, words));

function work({ work: doing }: AgentResult): Child {
  if (doing.length === 0) return 'idle';
  const lines = doing.map(({ job, commit, phase, fraction }) =>
    el(
      'div',
      {},
      `${phase} `,
      el('a', { class: 'id', href: `/jobs/${job}#${commit}` }, short(commit)),
      ' for ',
      el('a', { href: `/jobs/${job}` }, jobs.get(job)?.title || job),
      ...(fraction > 0
        ? [
            ' ',
            el('progress', { value: fraction, max: 1, 'aria-label': `${phase} ${short(commit)}` }),
            ` ${percent(fraction)}`,
          ]
        : []),
    ),
  );
  return el('div', {}, ...lines);
}

function showAgents(): void {
  const rows = [...agents]
    .sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }))
    .map((agent) => [
      agent.name,
      agent.failing === '' ? agent.state : `${agent.state}: ${agent.failing}`,
      `${agent.work.length} of ${agent.slots}`,
      work(agent),
      agent.capabilities ? `${agent.capabilities.cpus} cpus, ${agent.capabilities.accelerator}` : '',
      Object.entries(agent.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ]);
  const headings = ['Agent', 'State', 'Slots', 'What it does', 'Machine', 'Labels'];
  fill(
    byId('agents'),
    rows.length === 0
      ? el('p', {}, 'No agents yet; start one with ', el('code', {}, 'kbisect agent'))
      : table(headings, rows, 'Agents'),
  );
}

function showJobs(): void {
  const running = [...jobs.values()].filter(({ candidatesLeft }) => candidatesLeft !== undefined);
  fill(byId('running'), running.length === 0 ? el('p', {}, 'None.') : jobTable(running, 'Jobs that run'));
}

function showHistory(): void {
  const since = Date.now() - Number(hours.value) * 3_600_000;
  byId('timeline').replaceChildren(timeline([...spans.values()], agents, since, Date.now()));
}

hours.addEventListener('change', showHistory);
hear('/api/farm/events', {
  agents: (told: readonly AgentResult[]) => {
    agents = told;
    showAgents();
  },
  job: (job: JobResult) => {
    jobs.set(job.job, job);
    showJobs();
  },
  spans: (told: readonly Span[]) => {
    for (const span of told) spans.set(span.lease, span);
    showHistory();
  },
});
showAgents();
showJobs();
showHistory();
setInterval(showHistory, 5000);
