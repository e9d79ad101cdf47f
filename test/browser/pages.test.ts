import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../e2e/lab.js';
import { straight, tinyJob, type TinyJob } from '../e2e/tiny-job.js';
import { openChromium, openPage, seriousFindings, shoot } from './chromium.js';

const SYMLINKS = 'fs/protected_symlinks';
const LOOKS = [
  { name: 'light', options: { colorScheme: 'light' } },
  { name: 'dark', options: { colorScheme: 'dark' } },
  { name: 'phone', options: { viewport: { width: 375, height: 800 }, isMobile: true, hasTouch: true } },
] as const;

let lab: Lab;
let browser: Browser;
let history: TinyJob;
/** A job that is live as long as the tests need it, and one that has ended. */
let live: string;
let found: string;
let slowIds: ReadonlyMap<string, string>;
/** A job whose command is markup. */
let hostile: string;

const url = (path: string) => `http://${lab.httpAddress}${path}`;
const id = (name: string) => history.ids.get(name) ?? '';

beforeAll(async () => {
  browser = await openChromium();
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one', 2);
  lab.startAgent('two');
  history = await tinyJob(
    lab.directory,
    'pages',
    straight(24, { 17: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
  );
  const range = ['--repo', history.repo, '--good', 'c0', '--bad', 'main'];
  found = await lab.submit(...range, '--reproducer', await history.reads(SYMLINKS, 0));
  await lab.result(found);
  // A kernel that is not up before its job is cancelled, and says so.
  const says = 'printk("tick %d of <b>many</b>\\n", i); for (volatile long n = 0; n < 20000000; n++) ;';
  const slow = await tinyJob(
    lab.directory,
    'slow',
    straight(24, {
      0: { kind: 'initcall', code: `for (int i = 0; i < 60000; i++) { ${says} }` },
      17: { kind: 'sysctl', path: SYMLINKS, value: 1 },
    }),
  );
  slowIds = slow.ids;
  const slowly = ['--repo', slow.repo, '--good', 'c0', '--bad', 'main', '--timeout', '600'];
  live = await lab.submit(...slowly, '--reproducer', await slow.reads(SYMLINKS, 0));
  hostile = await lab.submit(...range, '--run', 'sleep 600; # <img src=x onerror=alert(1)>');
});
afterAll(async () => {
  await browser.close();
  await lab.close();
});

async function visit(
  path: string,
  options: Parameters<typeof openPage>[1] = {},
): Promise<Awaited<ReturnType<typeof openPage>>> {
  const opened = await openPage(browser, options);
  await opened.page.goto(url(path));
  return opened;
}

/** What shows that a page has come to life. */
const PAGES: readonly {
  readonly name: string;
  readonly path: () => string;
  readonly alive: (page: Page) => Promise<unknown>;
}[] = [
  {
    name: 'farm',
    path: () => '/',
    alive: (page) => page.getByRole('cell', { name: 'one', exact: true }).waitFor(),
  },
  { name: 'jobs', path: () => '/jobs', alive: (page) => page.getByText('found', { exact: true }).waitFor() },
  {
    name: 'job-live',
    path: () => `/jobs/${live}`,
    alive: (page) => page.getByRole('button', { name: 'Cancel the job' }).waitFor(),
  },
  {
    name: 'job-found',
    path: () => `/jobs/${found}#${id('c17')}`,
    alive: (page) => page.getByRole('heading', { name: 'Consoles' }).waitFor(),
  },
  {
    name: 'cache',
    path: () => '/cache',
    alive: (page) => page.getByText('Evicted since the start').waitFor(),
  },
  {
    name: 'report',
    path: () => `/jobs/${found}/report`,
    alive: (page) => page.getByText('E-mail').waitFor(),
  },
];

describe.each(LOOKS)('in a $name browser', ({ name: look, options }) => {
  it.each(PAGES)(
    'the page $name shows what is, without a serious finding of axe or a complaint',
    async ({ name, path, alive }) => {
      const { page, complaints } = await visit(path(), options);
      await alive(page);
      await page.waitForTimeout(700); // the range has come to rest
      await shoot(page, `${name}-${look}`);
      expect(await seriousFindings(page)).toEqual([]);
      const overflow = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      expect(overflow).toBeLessThanOrEqual(1);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
  );
});

describe('the page of a job', () => {
  it('shows the range, the culprit, its evidence, its diff, its certificate and its console, which can be searched', async () => {
    const { page, complaints } = await visit(`/jobs/${found}#${id('c17')}`);
    await page.getByText(`First bad commit: ${id('c17')} c17`).waitFor();
    await page.getByRole('slider').waitFor();
    await expect
      .poll(() => page.getByRole('slider').getAttribute('aria-valuetext'))
      .toMatch(/^commit 17 of 24: .*, tested new/);
    await page
      .getByRole('region', { name: 'What the commit changes' })
      .getByText('protected_symlinks')
      .first()
      .waitFor();
    expect(await page.getByRole('table', { name: 'Evidence' }).getByRole('row').count()).toBeGreaterThan(2);
    await page.getByRole('table', { name: 'Checks of the culprit' }).getByText('PASS').first().waitFor();
    await page.getByRole('button', { name: /^Show console 1/ }).click();
    const find = page.getByRole('searchbox', { name: 'Find in the console' });
    await find.fill('it is');
    await page.getByText(/^\d+ hits?$/).waitFor();
    await find.press('Enter');
    await page.getByText(/^1 of \d+ hits?$/).waitFor();
    await shoot(page, 'console');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('shows a console of a trial that runs as it grows, and what is written on it as text', async () => {
    const { page, complaints } = await visit(`/jobs/${live}`);
    const row = page.getByRole('table', { name: 'What runs' }).getByRole('row', { name: /running|booting/ });
    await row.getByRole('link').first().click({ timeout: 120_000 });
    await page.getByRole('button', { name: /^Show console \d+: running/ }).click();
    const console = page.getByRole('region', { name: /^Console \d+: running/ });
    await console.getByText(/tick \d+ of <b>many<\/b>/).waitFor({ timeout: 60_000 });
    const before = (await console.textContent())?.length ?? 0;
    await expect.poll(async () => (await console.textContent())?.length ?? 0).toBeGreaterThan(before);
    await shoot(page, 'console-live');
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('works from the keyboard: a commit is chosen, marked old and tried again', async () => {
    const { page } = await visit(`/jobs/${live}`);
    const slider = page.getByRole('slider');
    await slider.focus();
    await page.keyboard.press('Home');
    for (let n = 0; n < 4; n++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const c5 = slowIds.get('c5')?.slice(0, 12) ?? '';
    await page.getByRole('heading', { name: `Commit ${c5}` }).waitFor();
    const mark = page.getByRole('button', { name: 'Mark good' });
    await mark.focus();
    await page.keyboard.press('Enter');
    await page.getByText('Verdict: good (marked by dashboard@127.0.0.1)').waitFor();
    await shoot(page, 'marked');
    await page.getByRole('button', { name: 'Mark bad' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Run it again' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('is tried again, as dashboard@127.0.0.1 wishes').waitFor();
    await page.context().close();
  });

  it('cancels the job', async () => {
    const { page } = await visit(`/jobs/${live}`);
    await page.getByRole('button', { name: 'Cancel the job' }).click();
    await page.getByText('cancelled', { exact: false }).first().waitFor();
    await page.getByText('The job is over.').waitFor();
    expect((await lab.kbisect('job', live)).stdout.toString('utf8')).toContain('cancelled');
    await page.context().close();
  });
});

it('what people wrote is shown as text wherever it is', async () => {
  for (const path of ['/', '/jobs', `/jobs/${hostile}`]) {
    const { page, complaints } = await visit(path);
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  }
  expect((await lab.kbisect('cancel', hostile)).status).toBe(0);
});

describe('nobody else changes anything', () => {
  const cancel = (headers: Record<string, string>) =>
    fetch(url(`/api/jobs/${found}/cancel`), { method: 'POST', headers, body: '{}' });

  it('without the header that only a page of the farm can send', async () => {
    expect((await cancel({})).status).toBe(400);
  });

  it('from another site', async () => {
    expect((await cancel({ 'x-kbisect': 'x', origin: 'http://elsewhere.example' })).status).toBe(403);
  });

  it('and every page forbids what is not its own', async () => {
    for (const path of [
      '/',
      '/jobs',
      `/jobs/${found}`,
      '/cache',
      `/jobs/${found}/report`,
      '/static/job.js',
      '/api/jobs',
    ]) {
      const { headers } = await fetch(url(path));
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'self'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
    }
  });
});

it('tells programs what --json tells', async () => {
  const json = async (path: string) => (await fetch(url(path))).json();
  const cli = async (...args: string[]) =>
    JSON.parse((await lab.kbisect(...args, '--json')).stdout.toString('utf8')) as unknown;
  expect(await json('/api/jobs')).toEqual(await cli('jobs'));
  expect(await json(`/api/jobs/${found}`)).toMatchObject((await cli('job', found)) as object);
  expect(await json(`/api/jobs/${found}/report`)).toEqual(await cli('report', found));
});
