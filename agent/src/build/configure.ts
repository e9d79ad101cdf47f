import { constants, copyFile, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import { commandFailed, run } from '@kbisect/shared/process';
import {
  formatConfig,
  lostSettings,
  mergeSettings,
  parseConfig,
  type Lost,
  type Setting,
} from '@kbisect/shared/settings';
import { makeCommand, type Workbench } from './make.js';

/** The project's own fragment: what a serial-console initramfs boot needs. */
export const MINIMAL_PROFILE = new URL('../../profiles/minimal.config', import.meta.url);

/** What a kernel is to be configured with. */
export interface ConfigRequest {
  readonly bench: Workbench;
  /** Text of the base `.config`; none means allnoconfig and the minimal profile. */
  readonly base: string | undefined;
  /** Under the fragments; of its symbols those that this kernel does not have are let go. */
  readonly profile: string | undefined;
  /** On top of the base, in order. */
  readonly fragments: readonly { readonly name: string; readonly text: string }[];
  readonly signal: AbortSignal;
}

/** A commit's Kconfig cannot be read: like a commit that does not build. */
export class UnconfigurableError extends KbisectError {
  constructor(readonly log: string) {
    super(
      'command-failed',
      `the kernel's own configuration failed: ${log.trim().split('\n').slice(-3).join(' ')}`,
    );
  }
}

/** What was asked of a configuration, and what came of it. */
export interface Configured {
  /** All symbols that were asked for, whether this kernel has them or not. */
  readonly asked: readonly string[];
  readonly result: readonly Setting[];
  /** Settings of the fragments that did not survive. */
  readonly lost: readonly Lost[];
}

/** What is asked of Kconfig, in the tree. */
const INPUT = '.config.kbisect';

/**
 * Makes the tree's `.config`, and insists on what the fragments ask for.
 * @throws KbisectError `invalid-argument` naming the requested symbols that did not survive; and as `makeConfig`
 */
export async function configure(request: ConfigRequest): Promise<Configured> {
  const configured = await makeConfig(request);
  const { lost } = configured;
  if (lost.length > 0) {
    const list = lost
      .map(({ symbol, asked, became }) => `${symbol} (asked ${asked}, became ${became})`)
      .join(', ');
    const files = request.fragments.map(({ name }) => name).join(', ');
    throw new KbisectError(
      'invalid-argument',
      `${files}: cannot be set in this kernel: ${list}; kbisect config check tells what they depend on`,
    );
  }
  return configured;
}

/**
 * Makes the tree's `.config`, the kernel's own way: the settings are merged, `olddefconfig` (or `allnoconfig`) makes
 * them consistent, and each symbol that a fragment asked for is looked up in the result. Symbols of the minimal profile
 * that this kernel does not have are let go, as kernels of many years are built with it.
 * @throws UnconfigurableError when the tree's Kconfig does not work
 */
export async function makeConfig(request: ConfigRequest): Promise<Configured> {
  const { bench, base, profile, fragments, signal } = request;
  const path = join(bench.tree, '.config');
  const before = await keptTimes(path);
  const asked = mergeSettings(fragments.map(({ text }) => parseConfig(text)));

  const input = join(bench.tree, INPUT);
  const bottom = base ?? (await readFile(MINIMAL_PROFILE, 'utf8'));
  const layers = [parseConfig(bottom), parseConfig(profile ?? ''), asked];
  const settings = withFixedKey(mergeSettings(layers));
  await writeFile(input, formatConfig(settings));
  await bringKey(bench.tree);
  if (base !== undefined) await rename(input, path);
  const target = base === undefined ? [`KCONFIG_ALLCONFIG=${INPUT}`, 'allnoconfig'] : ['olddefconfig'];
  const command = makeCommand(bench, target, { signal });
  const done = await run(command);
  if (done.status !== 0) {
    if (/No space left/.test(done.stderr)) throw commandFailed(command, done);
    throw new UnconfigurableError(`${done.stdout.toString('utf8')}\n${done.stderr}`);
  }

  const after = await readFile(path, 'utf8');
  // What is the same is not new, or make would look at every object.
  if (after === before?.text) await utimes(path, before.atime, before.mtime);
  const result = parseConfig(after);
  return {
    asked: settings.flatMap(({ symbol, value }) => (value === 'n' ? [] : [symbol])),
    result,
    lost: lostSettings(asked, result),
  };
}

/** A key for modules of our own: kbuild would draw one at random, and its certificate is in the image. */
const KEY = '.kbisect-module-signing-key.pem';
const KEY_SYMBOL = 'CONFIG_MODULE_SIG_KEY';
const OUR_KEY = new URL('../../build-path/module-signing-key.pem', import.meta.url);

function withFixedKey(settings: readonly Setting[]): Setting[] {
  const own = settings.find(({ symbol }) => symbol === KEY_SYMBOL)?.value;
  if (own !== undefined && own !== '"certs/signing_key.pem"') return [...settings];
  return mergeSettings([settings, [{ symbol: KEY_SYMBOL, value: `"${KEY}"` }]]);
}

async function bringKey(tree: string): Promise<void> {
  try {
    await copyFile(OUR_KEY, join(tree, KEY), constants.COPYFILE_EXCL);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

async function keptTimes(path: string): Promise<{ text: string; atime: Date; mtime: Date } | undefined> {
  try {
    const { atime, mtime } = await stat(path);
    return { text: await readFile(path, 'utf8'), atime, mtime };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
