import type { CommitId } from '@kbisect/shared/ids';
import type { Reading } from './search.js';

/** The words for old and new: good and bad for a regression, broken and fixed for a fix. */
export interface Terms {
  readonly old: string;
  readonly new: string;
}

/** A bisection as `git bisect log` tells it. */
export interface BisectRecord {
  readonly terms: Terms;
  /** The old ends, and the merge bases of old and new that were proved old. */
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  readonly firstParent: boolean;
  readonly pathspecs: readonly string[];
  /** In the order in which they were found; those of the ends may be among them. */
  readonly verdicts: readonly { readonly commit: CommitId; readonly reading: Reading }[];
  readonly result:
    | { readonly kind: 'none' }
    | { readonly kind: 'found'; readonly culprit: CommitId }
    | { readonly kind: 'ambiguous'; readonly candidates: readonly CommitId[] };
}

/**
 * Text that `git bisect replay` takes to the same culprit. The ends stand on the start line, as only then does git
 * know before all else that old is an ancestor of new; with ends marked one by one it asks for merge bases again. A
 * culprit that follows from its neighbours' verdicts is marked at the end, for git goes on from the last commit that
 * was called new.
 * @param subject gives a commit's subject, one line
 */
export function bisectLog(record: BisectRecord, subject: (commit: CommitId) => string): string {
  const { terms, olds, result } = record;
  const named = (commit: CommitId) => `[${commit}] ${subject(commit).replaceAll('\n', ' ')}`;
  const lines = [
    `# ${terms.new}: ${named(record.new)}`,
    ...olds.map((old) => `# ${terms.old}: ${named(old)}`),
    startLine(record),
  ];
  const mark = (commit: CommitId, reading: Reading) => {
    const word = reading === 'skip' ? 'skip' : terms[reading];
    lines.push(`# ${word}: ${named(commit)}`, `git bisect ${word} ${commit}`);
  };
  const ends = new Set([record.new, ...olds]);
  const inner = record.verdicts.filter(({ commit }) => !ends.has(commit));
  for (const { commit, reading } of inner) mark(commit, reading);
  switch (result.kind) {
    case 'none':
      break;
    case 'found': {
      const last = inner.findLast(({ reading }) => reading === 'new')?.commit ?? record.new;
      if (last !== result.culprit) mark(result.culprit, 'new');
      lines.push(`# first ${terms.new} commit: ${named(result.culprit)}`);
      break;
    }
    case 'ambiguous':
      lines.push('# only skipped commits left to test');
      for (const commit of result.candidates)
        lines.push(`# possible first ${terms.new} commit: ${named(commit)}`);
  }
  return `${lines.join('\n')}\n`;
}

function startLine({ terms, olds, new: neu, firstParent, pathspecs }: BisectRecord): string {
  const words: string[] = [];
  if (terms.old !== 'good' || terms.new !== 'bad')
    words.push(`--term-old=${terms.old}`, `--term-new=${terms.new}`);
  if (firstParent) words.push('--first-parent');
  words.push(neu, ...olds);
  if (pathspecs.length > 0) words.push('--', ...pathspecs);
  return ['git bisect start', ...words.map(quoted)].join(' ');
}

/** A word as git's own shell quoting has it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''").replaceAll('!', "'\\!'")}'`;
}
