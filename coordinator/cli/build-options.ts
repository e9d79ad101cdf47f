import { readProfiles } from '@kbisect/agent/build/profiles';
import { digestOf } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type { BootTest, Fixup } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import { parseToolchainRule } from '@kbisect/shared/toolchain-rule';
import type { Upload } from './user-file.js';

/** The options that say how a kernel is built. */
export interface BuildOptions {
  readonly profile?: readonly string[];
  readonly toolchain?: string;
  readonly fixup?: readonly string[];
}

/** Those that the user gave, as the user writes them. */
export function buildOptionsGiven({ profile, toolchain, fixup }: BuildOptions): string[] {
  const given = { '--profile': profile, '--toolchain': toolchain, '--fixup': fixup };
  return Object.entries(given).flatMap(([option, value]) => (value === undefined ? [] : option));
}

/**
 * What the options say of the build; fix-ups as revisions still.
 * @throws KbisectError `invalid-argument` naming the option that is wrong
 */
export async function buildOf({ profile, toolchain, fixup = [] }: BuildOptions): Promise<{
  build: Pick<BootTest, 'toolchain' | 'fixups' | 'profile'>;
  uploads: readonly Upload[];
}> {
  if (toolchain !== undefined) parseToolchainRule(toolchain);
  const fixups = fixup.map(parseFixup);
  if (profile === undefined) return { build: { toolchain, fixups, profile: undefined }, uploads: [] };
  const bytes = Buffer.from(await readProfiles(profile));
  const blob = { digest: digestOf(bytes), size: bytes.length };
  const named = { name: `${profile.join('+')}.config`, blob, executable: false };
  return { build: { toolchain, fixups, profile: named }, uploads: [{ named, bytes }] };
}

/** The fix-ups as commits of a repository on this machine. */
export async function resolveFixups(git: Git, fixups: readonly Fixup[]): Promise<Fixup[]> {
  const resolve = async (revision: string) => (revision === '' ? '' : git.resolveCommit(revision));
  return Promise.all(
    fixups.map(async ({ commit, after, until }) => ({
      commit: await git.resolveCommit(commit),
      after: await resolve(after),
      until: await resolve(until),
    })),
  );
}

/** `REV`, or `REV@FROM..TO`: for the commits of git's range FROM..TO alone. */
function parseFixup(text: string): Fixup {
  const [, commit = '', range] = /^(.+?)(?:@(?!\{)(.*))?$/.exec(text) ?? [];
  if (range === undefined) return { commit, after: '', until: '' };
  const [, after = '', until = ''] = /^(.*?)\.\.(?!\.)(.*)$/.exec(range) ?? [];
  if (commit === '' || (after === '' && until === '')) {
    throw new KbisectError(
      'invalid-argument',
      `--fixup ${text}: say REV, or REV@FROM..TO for the commits of that range alone`,
    );
  }
  return { commit, after, until };
}
