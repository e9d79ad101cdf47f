import { Verdict, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { describeOutcome } from '../../scheduler/oracle.js';
import type { Job } from '../../scheduler/job.js';
import { termsOf } from '../../report/terms.js';
import type { CommitView, EvidenceView } from './views.js';

/** All that a job knows of a commit. */
export async function commitView(
  job: Job,
  commit: CommitId,
  events: readonly JobEvent[],
  git: Git,
): Promise<CommitView> {
  const log = await git.text(['log', '-1', '--format=%s%x00%an <%ae>%x00%aI', commit, '--']);
  const [subject = '', author = '', date = ''] = log.split('\0');
  const terms = termsOf(job.spec.mode);
  const word = (verdict: Verdict) =>
    verdict === Verdict.VERDICT_OLD ? terms.old : verdict === Verdict.VERDICT_NEW ? terms.new : 'skip';
  const mark = job.markOf(commit);
  const verdict = mark?.verdict ?? job.verdicts.get(commit);
  const judged = events.flatMap(({ fact }) =>
    fact?.$case === 'judged' && fact.value.commit === commit ? [fact.value] : [],
  );
  return {
    commit,
    subject,
    author,
    date,
    verdict: verdict && word(verdict),
    reason: judged.at(-1)?.reason ?? '',
    mark: mark && { verdict: word(mark.verdict), by: mark.by },
    alike: job.evidence.alike(commit),
    evidence: evidenceOf(commit, events, word),
  };
}

function evidenceOf(
  commit: CommitId,
  events: readonly JobEvent[],
  word: (verdict: Verdict) => string,
): EvidenceView[] {
  const agents = new Map<string, string>();
  return events.flatMap(({ at, fact }): EvidenceView[] => {
    const time = at?.toISOString() ?? '';
    if (fact?.$case === 'leased') agents.set(fact.value.lease, fact.value.agent);
    if (fact?.$case === 'built' && fact.value.commit === commit) {
      const { lease, image, failure, cached, seconds, log } = fact.value;
      const made = cached ? 'image from the cache' : 'built';
      const shown =
        image === undefined ? `does not build: ${failure}` : `${made}, ${image.digest.slice(0, 12)}`;
      const agent = agents.get(lease) ?? '';
      return [{ kind: 'build', at: time, agent, seconds, shown, ...(log && { text: log }) }];
    }
    if (fact?.$case === 'tried' && fact.value.commit === commit) {
      const { lease, outcome, seconds, console } = fact.value;
      const shown = outcome ? describeOutcome(outcome) : 'no outcome';
      const agent = agents.get(lease) ?? '';
      return [{ kind: 'trial', at: time, agent, seconds, shown, ...(console && { text: console }) }];
    }
    if (fact?.$case === 'marked' && fact.value.commit === commit) {
      const { verdict, by } = fact.value;
      return [{ kind: 'mark', at: time, agent: by, seconds: 0, shown: word(verdict) }];
    }
    if (fact?.$case === 'rerun' && fact.value.commit === commit)
      return [{ kind: 'rerun', at: time, agent: fact.value.by, seconds: 0, shown: 'tried again' }];
    return [];
  });
}

/** Bytes that are shown of a commit's diff. */
const MAX_DIFF = 256 * 1024;

/** What a commit changes, as `git show` has it, cut where it is too long to read. */
export async function diffOf(git: Git, commit: CommitId, signal: AbortSignal): Promise<string> {
  const enough = new AbortController();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onOutput = (chunk: Buffer, stream: 'stdout' | 'stderr') => {
    if (stream === 'stderr' || bytes > MAX_DIFF) return;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_DIFF) enough.abort();
  };
  const args = ['show', '--no-color', '--no-ext-diff', '--no-textconv', '--stat', '--patch', commit, '--'];
  const either = AbortSignal.any([signal, enough.signal]);
  try {
    await run(git.command(args, { signal: either, timeoutMs: 20_000, onOutput }));
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
  const text = Buffer.concat(chunks).subarray(0, MAX_DIFF).toString('utf8');
  return bytes > MAX_DIFF ? `${text}\n[cut: the diff is longer than ${MAX_DIFF / 1024} KiB]\n` : text;
}
