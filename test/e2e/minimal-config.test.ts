import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckKind } from '@kbisect/shared/gen/kbisect/v1/job';
import { reportDocument } from '@kbisect/coordinator/report/report-document';
import { runText } from '@kbisect/shared/process';
import { parseMail, readReport } from '../report/kernel-mail.js';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const FRAGMENT = `CONFIG_NET=y
CONFIG_DEBUG_KERNEL=y
CONFIG_INET=y
CONFIG_FUTEX=y
CONFIG_SMP=y
`;
/** Only a kernel with both shows it; one of them cannot be set without a third. */
const BUG = `#if defined(CONFIG_INET) && defined(CONFIG_SMP)
	panic("planted");
#endif`;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
  lab.startAgent('two');
});
afterAll(() => lab.close());

describe('a job that asks which settings its culprit takes', () => {
  it('is told: those that the bug needs and what they depend on, each configuration built once, by all agents', async () => {
    const tiny = await tinyJob(lab.directory, 'config', straight(2, { 2: { kind: 'initcall', code: BUG } }));
    const fragment = await tiny.file('asked.config', FRAGMENT);
    const script = await tiny.file('passes.sh', 'exit 0\n');
    const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main', '--reproducer', script];
    const id = await lab.submit(...ends, '--config-fragment', fragment, '--minimise-config');
    const settings = ['CONFIG_NET=y', 'CONFIG_INET=y', 'CONFIG_SMP=y'];
    expect(await lab.result(id)).toMatchObject({
      state: 'found',
      culprit: { commit: tiny.ids.get('c2') },
      minimalConfig: { settings, minimal: true },
    });

    const events = await lab.events(id);
    const checks = events.flatMap((fact) => (fact.$case === 'checking' ? fact.value.checks : []));
    const leases = events.flatMap((fact) => {
      const own = fact.$case === 'leased' && checks[fact.value.check ?? -1]?.kind;
      return own === CheckKind.CHECK_KIND_CONFIG && fact.$case === 'leased' ? [fact.value] : [];
    });
    expect(new Set(leases.map(({ agent }) => agent))).toEqual(new Set(['one', 'two']));
    const built = events.flatMap((fact) =>
      fact.$case === 'built' && !fact.value.cached && leases.some(({ lease }) => lease === fact.value.lease)
        ? [`${fact.value.commit} ${fact.value.config?.digest ?? ''}`]
        : [],
    );
    expect(built.length).toBeGreaterThan(0);
    expect(built).toHaveLength(new Set(built).size);

    const report = reportDocument.parse(
      JSON.parse((await lab.kbisect('report', id, '--json')).stdout.toString('utf8')),
    );
    expect(report.minimalConfig).toEqual({
      settings: settings.map((setting) => ({ setting, without: 'the culprit: pass' })),
      spared: ['CONFIG_DEBUG_KERNEL=y', 'CONFIG_FUTEX=y'],
      // The smallest config that boots has it.
      kept: ['CONFIG_FUTEX=y'],
      minimal: true,
      reason: '',
    });
    const text = (await lab.kbisect('report', id)).stdout.toString('utf8');
    readReport(parseMail(text));
    expect(text).toContain('CONFIG_SMP=y (without it, the culprit: pass)');
    expect((await lab.kbisect('report', id, '--html')).stdout.toString('utf8')).toContain('CONFIG_SMP=y');

    const archive = join(lab.directory, 'finding.tar.zst');
    expect((await lab.kbisect('bundle', id, '-o', archive)).stderr).toBe('');
    const place = join(lab.directory, 'unpacked');
    await mkdir(place);
    await runText({ program: 'tar', args: ['--extract', '--zstd', '--file', archive, '-C', place] });
    const minimal = join(place, `kbisect-${id}`, 'minimal.config');
    expect(await readFile(minimal, 'utf8')).toBe(settings.map((setting) => `${setting}\n`).join(''));

    // With the file alone it is the same bug, and asking again takes no build.
    const again = await lab.submit(...ends, '--config-fragment', minimal, '--minimise-config', '5');
    expect(await lab.result(again)).toMatchObject({
      state: 'found',
      minimalConfig: { settings, minimal: true },
    });
  });

  it('is refused where there are no settings to look through, or nothing is certified', async () => {
    const tiny = await tinyJob(lab.directory, 'none', straight(2, {}));
    const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main', '--minimise-config'];
    const script = await tiny.file('passes.sh', 'exit 0\n');
    const without = await lab.kbisect('bisect', ...ends, '--reproducer', script, '--detach');
    expect(without.stderr).toContain('--profile and --config-fragment: give one of them');
    expect(without.status).toBe(2);
    const more = ['--profile', 'scsi', '--no-certify', '--detach'];
    const uncertified = await lab.kbisect('bisect', ...ends, '--reproducer', script, ...more);
    expect(uncertified.stderr).toContain('leave out --no-certify');
  });
});
