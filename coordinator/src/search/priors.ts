import type { CommitGraph, CommitIndex } from './graph.js';

/** Commits that are more likely the culprit than others, `weight` times (at least 1). */
export interface Suspects {
  readonly commits: Iterable<CommitIndex>;
  readonly weight: number;
}

/** The others keep at least this share, so that a wrong suspicion costs a test, and one for rounding. */
const UNSUSPECTED_SHARE = 0.5;

/**
 * How likely each commit is the culprit, given suspicions; a commit under several counts by the strongest. However
 * strong they are, no commit falls below half of what it would have without them.
 */
export function suspectPrior(graph: CommitGraph, suspicions: readonly Suspects[]): Float64Array {
  const extra = new Float64Array(graph.size);
  for (const { commits, weight } of suspicions) {
    for (const commit of commits) extra[commit] = Math.max(extra[commit]!, weight - 1);
  }
  const total = extra.reduce((sum, value) => sum + value, 0);
  const most = graph.size * (1 / UNSUSPECTED_SHARE - 1);
  const scale = total > most ? most / total : 1;
  return extra.map((value) => 1 + scale * value);
}

const SOURCE_FILE = /(?<![\w./-])(?:\.\/)?([\w-]+(?:\/[\w.+-]+)*\.(?:[chS]|rs))(?=:\d+)/g;

const CRASH = /\b(?:BUG|WARNING|Oops|panic|Call Trace|general protection fault|Internal error)\b/;

/** The source files that a console names from its first crash on. */
export function filesInCrash(console: string): string[] {
  const start = console.search(CRASH);
  return start < 0 ? [] : filesInTrace(console.slice(start));
}

/** The source files that a crash's stack trace names (`fs/ext4/inode.c:1234`), each once, in order. */
export function filesInTrace(trace: string): string[] {
  return [...new Set([...trace.matchAll(SOURCE_FILE)].map(([, file]) => file!))];
}
