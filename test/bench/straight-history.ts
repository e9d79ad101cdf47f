import { RevListParser, type CommitGraph } from '@kbisect/coordinator/search/graph';

/** A range of so many commits in a row. */
export function straightHistory(size: number): CommitGraph {
  const id = (number: number) => (number + 1).toString(16).padStart(40, '0');
  const parser = new RevListParser();
  for (let commit = size - 1; commit >= 0; commit--) {
    parser.push(Buffer.from(commit === 0 ? `${id(0)}\n` : `${id(commit)} ${id(commit - 1)}\n`));
  }
  return parser.end();
}
