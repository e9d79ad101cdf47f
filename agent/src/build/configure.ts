import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { commandFailed, run } from '@kbisect/shared/process';
import { makeCommand } from './make.js';
import { formatConfig, lostSettings, mergeSettings, parseConfig } from './symbols.js';

/** The project's own fragment: what a serial-console initramfs boot needs. */
export const MINIMAL_PROFILE = new URL('../../profiles/minimal.config', import.meta.url);

/** What a kernel is to be configured with. */
export interface ConfigRequest {
  readonly tree: string;
  readonly arch: string;
  /** Text of the base `.config`; none means allnoconfig and the minimal profile. */
  readonly base: string | undefined;
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

/**
 * Makes the tree's `.config`, the kernel's own way: the settings are merged, `olddefconfig` (or `allnoconfig`) makes
 * them consistent, and each symbol that a fragment asked for is looked up in the result. Symbols of the minimal profile
 * that this kernel does not have are let go, as kernels of many years are built with it.
 * @throws KbisectError `invalid-argument` naming the requested symbols that did not survive;
 *   UnconfigurableError when the tree's Kconfig does not work
 */
export async function configure(request: ConfigRequest): Promise<void> {
  const { tree, arch, base, fragments, signal } = request;
  const asked = mergeSettings(fragments.map(({ text }) => parseConfig(text)));

  const input = join(tree, '.config.kbisect');
  const bottom = base ?? (await readFile(MINIMAL_PROFILE, 'utf8'));
  await writeFile(input, formatConfig(mergeSettings([parseConfig(bottom), asked])));
  if (base !== undefined) await rename(input, join(tree, '.config'));
  const target = base === undefined ? [`KCONFIG_ALLCONFIG=${input}`, 'allnoconfig'] : ['olddefconfig'];
  const command = makeCommand(tree, arch, target, { signal });
  const done = await run(command);
  if (done.status !== 0) {
    if (/No space left/.test(done.stderr)) throw commandFailed(command, done);
    throw new UnconfigurableError(`${done.stdout.toString('utf8')}\n${done.stderr}`);
  }

  const after = await readFile(join(tree, '.config'), 'utf8');
  const lost = lostSettings(asked, parseConfig(after));
  if (lost.length > 0) {
    const list = lost
      .map(({ symbol, asked, became }) => `${symbol} (asked ${asked}, became ${became})`)
      .join(', ');
    const files = fragments.map(({ name }) => name).join(', ');
    throw new KbisectError(
      'invalid-argument',
      `${files}: cannot be set in this kernel: ${list}; look for what it depends on`,
    );
  }
}
