import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '@kbisect/shared/process';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';
const deploy = join(import.meta.dirname, '../../deploy');

let lab: Lab;
let figures: string;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
  const job = await tinyJob(
    lab.directory,
    'counted',
    straight(6, { 4: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
  );
  const range = ['--repo', job.repo, '--good', 'c0', '--bad', 'main'];
  const id = await lab.submit(...range, '--reproducer', await job.reads(SYMLINKS, 0));
  expect(await lab.result(id)).toMatchObject({ state: 'found' });
  const response = await fetch(`http://${lab.httpAddress}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  figures = await response.text();
}, 120_000);
afterAll(() => lab.close());

/** The value of one line of the figures. */
function figure(name: string): number {
  const line = figures.split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

describe('the figures that Prometheus reads', () => {
  it('tell what was done, by whom, and how it ended', () => {
    expect(figure('kbisect_jobs{state="found"}')).toBe(1);
    expect(figure('kbisect_jobs_ended_total{state="found"}')).toBe(1);
    expect(figure('kbisect_agent_up{agent="one"}')).toBe(1);
    expect(figure('kbisect_agent_slots_busy{agent="one"}')).toBe(0);
    expect(figure('kbisect_build_seconds_count{result="image"}')).toBeGreaterThanOrEqual(2);
    expect(figure('kbisect_trial_seconds_count{outcome="pass"}')).toBeGreaterThanOrEqual(1);
    expect(figure('kbisect_leases_ended_total{agent="one",reason="done"}')).toBeGreaterThanOrEqual(2);
    expect(figure('kbisect_cache_bytes{what="kept"}')).toBeGreaterThan(0);
  });

  it('have the names that the dashboard and the alerts ask for', async () => {
    const known = new Set(
      [...figures.matchAll(/^# TYPE (\w+) (\w+)/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    for (const file of ['prometheus/alerts.yml', 'grafana/kbisect.json']) {
      const asked = (await readFile(join(deploy, file), 'utf8')).match(/\bkbisect_\w+/g) ?? [];
      expect(asked.length).toBeGreaterThan(0);
      for (const name of asked) expect(known, `${file} asks for ${name}`).toContain(name);
    }
  });

  it('and the rules pass promtool, where it is installed', async (context) => {
    const args = ['check', 'config', join(deploy, 'prometheus/prometheus.yml')];
    const done = await run({ program: 'promtool', args }).catch(() => undefined);
    if (done === undefined || done.status === 127) return context.skip();
    expect(`${done.stdout.toString('utf8')}${done.stderr}`).toContain('6 rules found');
    expect(done.status).toBe(0);
  });
});
