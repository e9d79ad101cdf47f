import type { JobResult } from '@kbisect/coordinator/http/dashboard/views';
import { hear } from './api.js';
import { byId, byIdOf, el, fill } from './dom.js';
import { became, jobTable } from './job-table.js';
import { count } from './words.js';

const jobs = new Map<string, JobResult>();
const find = byIdOf('find', HTMLInputElement);
let drawing = false;

/** However many jobs come at once, they are drawn once. */
function show(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const words = find.value.toLowerCase();
    const found = [...jobs.values()].filter((job) =>
      `${job.job} ${job.title} ${job.state} ${became(job)}`.toLowerCase().includes(words),
    );
    byId('count').textContent = count(found.length, 'job');
    const none = el('p', {}, 'No jobs; start one with ', el('code', {}, 'kbisect bisect'));
    fill(byId('jobs'), found.length === 0 ? none : jobTable(found, 'Jobs'));
  });
}

find.addEventListener('input', show);
hear('/api/farm/events', {
  job: (job: JobResult) => {
    jobs.set(job.job, job);
    show();
  },
});
show();
