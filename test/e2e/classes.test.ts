import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab.js';
import { reproduced } from './reproduced.js';
import type { TinyCommit } from '../fixtures/tiny-history.js';
import { straight, tinyJob, type TinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
});
afterAll(() => lab.close());

const job = async (from: TinyJob) => [
  ...['--repo', from.repo, '--good', 'c0', '--bad', 'main'],
  ...['--reproducer', await from.reads(SYMLINKS, 0)],
];

/** A straight history c0 .. c<last> in which single commits make the given changes; the others change the documentation. */
function documented(last: number, changes: Readonly<Record<number, TinyCommit['change']>>): TinyCommit[] {
  return Array.from({ length: last + 1 }, (_, n) => {
    const change = changes[n] ?? { kind: 'docs' as const, line: `commit ${n}` };
    return { name: `c${n}`, change };
  });
}

describe('commits of the miniature kernel', () => {
  it('that change nothing that a build consumes are not built, and an audit finds no image other than foretold', async () => {
    const tiny = await tinyJob(
      lab.directory,
      'foretold',
      documented(40, {
        12: { kind: 'sysctl', path: 'fs/protected_hardlinks', value: 1 },
        23: { kind: 'sysctl', path: SYMLINKS, value: 1 },
        31: { kind: 'sysctl', path: 'kernel/panic', value: 5 },
      }),
    );
    const result = await lab.result(await lab.submit(...(await job(tiny))));
    expect(result).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c23') }, classes: 4 });
    // Both ends; then of the two images between, at most both.
    expect((await lab.finishedBuilds(result.job)).length).toBeLessThanOrEqual(4);

    const audited = await lab.result(await lab.submit(...(await job(tiny)), '--audit', '0.2'));
    expect(audited).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c23') } });
    expect(audited.audit?.wrong).toBe(0);
    expect(audited.audit?.compared).toBeGreaterThan(0);
  });

  it('that do not build, ten in a row with the culprit among them, are tested with what mended them', async () => {
    const tiny = await tinyJob(
      lab.directory,
      'mended',
      straight(30, {
        9: { kind: 'build', broken: true },
        14: { kind: 'sysctl', path: SYMLINKS, value: 1 },
        19: { kind: 'build', broken: false },
      }),
    );
    const id = await lab.submit(...(await job(tiny)));
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c14') } });
    const mended = (await lab.events(id)).flatMap((fact) =>
      fact.$case === 'mended' ? [fact.value.fixup] : [],
    );
    expect(mended).toEqual([tiny.ids.get('c19')]);
    // Neither of the two builds by itself.
    expect(await reproduced(lab, id, tiny.repo)).toEqual([
      `parent ${tiny.ids.get('c13')!}: PASS`,
      `culprit ${tiny.ids.get('c14')!}: FAIL`,
    ]);
  });
});
