import { describe, expect, it } from 'vitest';
import { RevListParser, type CommitGraph } from './graph.js';
import { SkipModel } from './skips.js';

describe('where commits cannot be tested', () => {
  it('nothing is feared before the first skip', () => {
    expect(new SkipModel(straight(20)).risk(10)).toBe(0);
  });

  it('the neighbours of a skipped commit are the likeliest not to be, and it grows less with the distance', () => {
    const skips = new SkipModel(straight(200));
    for (const sound of [0, 199]) skips.observe(sound, true);
    skips.observe(100, false);
    const risks = [101, 105, 120, 190].map((commit) => skips.risk(commit));
    expect(risks).toEqual([...risks].sort((one, other) => other - one));
    expect(risks[0]!).toBeGreaterThan(0.5);
    expect(risks[0]!).toBeGreaterThan(2 * risks[3]!);
  });

  it('how long intervals are is learned: a second skip far off makes all between suspicious, a test beside it none', () => {
    const after = (commit: number, testable: boolean) => {
      const skips = new SkipModel(straight(200));
      skips.observe(100, false);
      skips.observe(commit, testable);
      return skips.risk(115);
    };
    expect(after(130, false)).toBeGreaterThan(0.6);
    expect(after(102, true)).toBeLessThan(0.5 * after(130, false));
  });
});

function straight(size: number): CommitGraph {
  const id = (commit: number) => (commit + 1).toString(16).padStart(40, '0');
  const parser = new RevListParser();
  for (let commit = size - 1; commit >= 0; commit--) {
    parser.push(Buffer.from(`${commit === 0 ? id(0) : `${id(commit)} ${id(commit - 1)}`}\n`));
  }
  return parser.end();
}
