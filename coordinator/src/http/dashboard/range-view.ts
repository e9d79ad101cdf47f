import type { CommitId } from '@kbisect/shared/ids';
import type { Job } from '../../scheduler/job.js';
import type { CommitGraph } from '../../search/graph.js';
import type { BeliefView, RangeView } from './views.js';

/** The commits of a range. */
export function rangeView(graph: CommitGraph): RangeView {
  return {
    ids: Array.from({ length: graph.size }, (_, index) => graph.id(index)),
    offsets: [...graph.offsets],
    parents: [...graph.parentList],
  };
}

/** What a job's search believes; of one that is over, and whose search is gone with a restart, what it came to. */
export function beliefView(job: Job, graph: CommitGraph): BeliefView {
  const place = (commits: readonly CommitId[]) => commits.flatMap((commit) => graph.indexOf(commit) ?? []);
  const foretold = job.prediction?.groups() ?? [];
  const classes = [...foretold, ...job.evidence.twins].map(place).filter((commits) => commits.length > 1);
  const { standing } = job;
  if (standing === undefined || job.culprit !== undefined) {
    const candidates = place(job.culprit === undefined ? job.candidates : [job.culprit]);
    return { candidates, noisy: standing?.noisy ?? false, classes };
  }
  const { posterior } = standing.search;
  const candidates: number[] = [];
  for (let commit = 0; commit < posterior.length; commit++)
    if (posterior[commit]! > 0) candidates.push(commit);
  const first = posterior[candidates[0] ?? 0];
  const alike = candidates.every((commit) => posterior[commit] === first);
  const chances = alike
    ? {}
    : { chances: candidates.map((commit) => Number(posterior[commit]!.toPrecision(4))) };
  return { candidates, ...chances, noisy: standing.noisy, classes };
}
