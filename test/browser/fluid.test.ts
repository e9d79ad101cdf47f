import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from '../e2e/lab.js';
import { openChromium, openPage, shoot } from './chromium.js';
import { makeWideHistory } from './wide-history.js';

const SIZE = 10_000;

let lab: Lab;
let browser: Browser;

beforeAll(async () => {
  browser = await openChromium();
  lab = await Lab.open();
  await lab.startCoordinator();
});
afterAll(async () => {
  await browser.close();
  await lab.close();
});

/** The times of all frames, in milliseconds, from now on; `stop` gives those between them. */
async function countFrames(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(
    'window.times = []; requestAnimationFrame(function tick(now) { times.push(now); requestAnimationFrame(tick); })',
  );
  return async () => {
    const times = await page.evaluate<number[]>('times.splice(0)');
    return times.slice(1).map((time, at) => time - times[at]!);
  };
}

/** Frames a second, on the whole and in the worst second. */
function rates(gaps: readonly number[]): {
  readonly mean: number;
  readonly worst: number;
  readonly longest: number;
} {
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  const seconds: number[] = [];
  let [frames, spent] = [0, 0];
  for (const gap of gaps) {
    frames += 1;
    spent += gap;
    if (spent < 1000) continue;
    seconds.push((1000 * frames) / spent);
    [frames, spent] = [0, 0];
  }
  return { mean: (1000 * gaps.length) / total, worst: Math.min(...seconds), longest: Math.max(...gaps) };
}

it(`a range of ${SIZE} commits is drawn within a second, and is fluid while it narrows`, async () => {
  const repo = join(lab.directory, 'wide.git');
  await makeWideHistory(repo, SIZE, 6543);
  const job = await lab.submit(
    '--repo',
    repo,
    '--good',
    'v0',
    '--bad',
    'main',
    '--run',
    'test ! -e bug',
    '--no-certify',
  );

  const { page, complaints } = await openPage(browser);
  const address = `http://${lab.httpAddress}/jobs/${job}`;
  await page.goto(`http://${lab.httpAddress}/jobs`); // the program is loaded
  await page.getByRole('link').last().waitFor();
  await expect
    .poll(async () => (await fetch(`http://${lab.httpAddress}/api/jobs/${job}/range`)).status)
    .toBe(200);
  await page.goto(address);
  const drawnAt = () => page.evaluate(() => performance.getEntriesByName('range-drawn')[0]?.startTime ?? 0);
  await expect.poll(drawnAt).toBeGreaterThan(0);
  const drawn = await drawnAt();
  const size = await page.getByRole('slider').getAttribute('aria-valuemax');
  await shoot(page, 'range-10000');

  const stop = await countFrames(page);
  await page.waitForTimeout(4000);
  const idle = rates(await stop());
  lab.startAgent('one', 3);
  await page
    .getByText(/is (bad|good)/)
    .first()
    .waitFor({ timeout: 100_000 });
  await stop(); // from here on it narrows
  await page.waitForTimeout(700);
  await shoot(page, 'range-narrowing').catch(() => undefined);
  await stop();
  await page.getByText('First bad commit').waitFor({ timeout: 200_000 });
  await page.waitForTimeout(1000);
  const narrowing = rates(await stop());
  await shoot(page, 'range-found');
  // The worst case: the whole range moves on every frame.
  for (let n = 0; n < 6; n++) {
    await page.getByRole('button', { name: n % 2 === 0 ? 'All' : 'Zoom in' }).click();
    await page.waitForTimeout(500);
  }
  const zooming = rates(await stop());
  const words = ({ mean, worst, longest }: ReturnType<typeof rates>) =>
    `${mean.toFixed(1)} frames/s, worst second ${worst.toFixed(1)}, longest frame ${longest.toFixed(0)} ms`;
  process.stdout.write(
    `${size ?? '?'} commits drawn ${drawn.toFixed(0)} ms after the page was asked for\n` +
      `idle:      ${words(idle)}\nnarrowing: ${words(narrowing)}\nzooming:   ${words(zooming)}\n`,
  );
  expect(Number(size)).toBeGreaterThanOrEqual(SIZE);
  expect(complaints).toEqual([]);
  // A machine that is busy with other things shows so on a page that does nothing.
  expect(drawn).toBeLessThan(idle.mean > 55 ? 1000 : 3000);
  const share = Math.min(1, idle.worst / 55);
  expect(narrowing.worst).toBeGreaterThan(30 * share);
  expect(zooming.worst).toBeGreaterThan(30 * share);
});
