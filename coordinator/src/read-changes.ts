import { Readable } from 'node:stream';
import { KbisectError } from '@kbisect/shared/errors';
import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { basesOf, ChangesParser, type Changes } from './classes/changes.js';
import { MentionsParser } from './classes/mentions.js';
import type { RangeChanges } from './classes/prediction.js';
import { readTransitions } from './read-transitions.js';
import type { CommitGraph } from './search/graph.js';

/**
 * Reads which files each commit of a range changes, once, streamed.
 * @param outside commits outside of the range whose images matter too; the last is what the others are compared with
 * @throws KbisectError `resource-exhausted` when there are too many changes to keep
 */
export async function readChangedFiles(
  git: Git,
  graph: CommitGraph,
  outside: readonly CommitId[],
  signal: AbortSignal,
): Promise<Changes> {
  const bases = basesOf(graph, outside.length);
  const idOf = (node: number) => (node < graph.size ? graph.id(node) : outside[node - graph.size]!);
  const reference = graph.size + outside.length - 1;
  const pairs = function* () {
    for (let node = 0; node < reference; node++) yield `${idOf(node)} ${idOf(bases[node]!)}\n`;
  };
  const parser = new ChangesParser(graph, outside);
  await diffTree(git, ['--raw', '-z', '--no-abbrev'], pairs(), (chunk) => parser.push(chunk), signal);
  return parser.end();
}

/**
 * Reads the diffs of a range, once, streamed.
 * @param outside commits outside of the range whose images matter too; the last is what the others are compared with
 * @throws KbisectError `resource-exhausted` when there are too many changes to keep
 */
export async function readChanges(
  git: Git,
  graph: CommitGraph,
  outside: readonly CommitId[],
  signal: AbortSignal,
): Promise<RangeChanges> {
  const changes = await readChangedFiles(git, graph, outside, signal);
  const commits = function* () {
    for (let node = 0; node < graph.size; node++) yield `${graph.id(node)}\n`;
  };
  const words = new MentionsParser(changes.names);
  await diffTree(git, ['-p', '-U0', '--no-prefix'], commits(), (chunk) => words.push(chunk), signal);
  const transitions = await readTransitions(git, changes, signal);
  return { changes, mentions: words.end(), transitions };
}

async function diffTree(
  git: Git,
  format: readonly string[],
  lines: Iterable<string>,
  take: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  let failed: unknown;
  const args = ['-c', 'core.quotePath=false', '-c', 'diff.external=', 'diff-tree', '--stdin', '-r'];
  const command = git.command([...args, '--no-renames', '--no-ext-diff', '--no-textconv', ...format], {
    signal: AbortSignal.any([signal, stop.signal]),
    input: Readable.from(lines),
    onOutput: (chunk) => {
      try {
        if (failed === undefined) take(chunk);
      } catch (error) {
        failed = error;
        stop.abort();
      }
    },
  });
  const done = await run(command).catch((error: unknown) => {
    throw failed ?? error;
  });
  if (done.status !== 0) {
    throw new KbisectError('command-failed', `git diff-tree failed: ${done.stderr.trim().slice(-500)}`);
  }
}
