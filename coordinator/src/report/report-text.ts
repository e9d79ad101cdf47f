import { JobState, Mode, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import type { Job } from '../scheduler/job.js';
import { bisectLogOf } from './bisect-log-of.js';
import { percentage } from './percentage.js';
import { termsOf } from './terms.js';
import { trialsInShort } from './trials-in-short.js';

/** A job's report in plain text: what was found, on what evidence, and the `git bisect log`. */
export async function reportText(job: Job, git: Git): Promise<string> {
  const terms = termsOf(job.spec.mode);
  const subject = (commit: CommitId) => git.subject(commit);
  const line = async (commit: CommitId) => `${shortId(commit)} ("${await subject(commit)}")`;
  const parts: string[] = [await headline(job, line), ''];

  if (job.culprit) {
    parts.push(await git.text(['show', '--no-patch', '--format=medium', job.culprit, '--']), '');
    parts.push(
      await git.text(['diff-tree', '--stat', '--no-commit-id', '--root', '-r', job.culprit, '--']),
      '',
    );
  }
  for (const candidate of job.candidates) parts.push(`  ${await line(candidate)}`);

  parts.push(`new (${terms.new}): ${await line(commitId(job.spec.new))}`);
  for (const old of job.spec.olds) parts.push(`old (${terms.old}): ${await line(commitId(old))}`);
  const seconds = Math.round((job.lastAt.getTime() - job.submittedAt.getTime()) / 1000);
  const { builds, trials, cacheHits } = job.evidence;
  parts.push(`${builds} builds, ${trials} trials, ${cacheHits} cache hits, ${seconds} s`, '');

  parts.push('Evidence:');
  for (const [commit, verdict] of job.verdicts) {
    const { outcomes, buildFailure } = job.evidence.of(commit);
    const word = {
      [Verdict.VERDICT_OLD]: terms.old,
      [Verdict.VERDICT_NEW]: terms.new,
      [Verdict.VERDICT_SKIP]: 'skip',
    };
    const untried = verdict === Verdict.VERDICT_SKIP ? 'not tried' : 'not tried: it follows from the others';
    const shown = buildFailure ? `does not build: ${buildFailure}` : trialsInShort(outcomes) || untried;
    parts.push(
      `  ${(verdict === Verdict.VERDICT_UNSPECIFIED ? '?' : word[verdict]).padEnd(7)}${await line(commit)}: ${shown}`,
    );
  }
  parts.push('', 'git bisect log:', await bisectLogOf(job, subject));
  return parts.join('\n');
}

function surely({ confidence }: Job): string {
  return confidence === undefined ? '' : `, ${percentage(confidence)} sure`;
}

async function headline(job: Job, line: (commit: CommitId) => Promise<string>): Promise<string> {
  switch (job.state) {
    case JobState.JOB_STATE_FOUND: {
      const what =
        job.spec.mode === Mode.MODE_FIX
          ? 'fixed by'
          : job.spec.mode === Mode.MODE_ANY
            ? 'changed by'
            : 'broken by';
      return job.culprit ? `${what} ${await line(job.culprit)}${surely(job)}` : 'found';
    }
    case JobState.JOB_STATE_AMBIGUOUS:
      return `the first new commit could be any of ${job.candidates.length}: ${job.reason}`;
    case JobState.JOB_STATE_NO_DIFFERENCE:
      return `no difference${surely(job)}: ${job.reason}`;
    case JobState.JOB_STATE_ABORTED:
      return `aborted: ${job.reason}`;
    case JobState.JOB_STATE_CANCELLED:
      return `cancelled: ${job.reason}`;
    case JobState.JOB_STATE_UNSPECIFIED:
    case JobState.JOB_STATE_PREPARING:
    case JobState.JOB_STATE_PROVING:
    case JobState.JOB_STATE_SEARCHING:
    case JobState.JOB_STATE_CERTIFYING:
      return `still running: ${job.remaining} candidates left`;
  }
}
