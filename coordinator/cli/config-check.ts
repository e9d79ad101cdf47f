import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { makeConfig } from '@kbisect/agent/build/configure';
import { readProfiles } from '@kbisect/agent/build/profiles';
import { probeSandbox } from '@kbisect/agent/build/sandbox';
import { probeToolchains } from '@kbisect/agent/build/toolchain';
import { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { mergeSettings, parseConfig } from '@kbisect/shared/settings';
import { chooseToolchain, parseToolchainRule } from '@kbisect/shared/toolchain-rule';
import { conditionsOf, obstacles } from '../src/classes/conditions.js';
import { endsOf, type EndOptions } from './ends.js';
import { ExitStatus } from './exit-status.js';
import { interruption } from './interruption.js';
import { withKconfigTree } from './kconfig-tree.js';
import { resolveEnds } from './local-repository.js';
import { table } from './table.js';
import { MAX_CONFIG_BYTES } from './test-spec.js';
import { readUserFile } from './user-file.js';

export interface ConfigCheckOptions extends EndOptions {
  readonly repo: string;
  readonly config?: string;
  readonly profile?: readonly string[];
  readonly configFragment?: readonly string[];
  readonly toolchain?: string;
  readonly arch: string;
  readonly json?: boolean;
}

/** What a requested symbol is at one end, and why it is not what was asked; no reasons when it is. */
interface AtEnd {
  readonly revision: string;
  readonly value: string;
  readonly reasons: readonly string[];
}

interface Checked {
  readonly symbol: string;
  readonly asked: string;
  readonly ends: readonly AtEnd[];
}

/** `kbisect config check`: which requested symbols survive at the ends of a range, and why the others do not. */
export async function configCheck(options: ConfigCheckOptions): Promise<ExitStatus> {
  const signal = interruption();
  const git = await Git.open(resolve(options.repo));
  const named = endsOf(options);
  const { olds, new: neu } = await resolveEnds(git, named);
  const layers = await readLayers(options);
  const asked = mergeSettings([layers.profile, ...layers.fragments.map(({ text }) => text)].map(parseConfig));
  if (asked.length === 0) {
    throw new KbisectError(
      'invalid-argument',
      'nothing is asked for: give --config-fragment FILE or --profile NAME',
    );
  }
  const names = new Map<CommitId, string>();
  for (const revision of [...named.olds, named.new]) names.set(await git.resolveCommit(revision), revision);
  const ends: { revision: string; answer: (symbol: string) => Omit<AtEnd, 'revision'> }[] = [];
  for (const commit of [...olds, neu]) {
    const answer = await valuesAt(git, commit, layers, options, signal);
    ends.push({ revision: names.get(commit)!, answer });
  }
  const checked = asked.map(({ symbol, value }): Checked => ({
    symbol,
    asked: value,
    ends: ends.map(({ revision, answer }) => {
      const { value: became, reasons } = answer(symbol);
      return { revision, value: became, reasons: became === value ? [] : reasons };
    }),
  }));
  process.stdout.write(options.json ? `${JSON.stringify({ symbols: checked })}\n` : textOf(checked));
  const lost = checked.filter(({ asked, ends }) => ends.some(({ value }) => value !== asked));
  return lost.length === 0 ? ExitStatus.Found : ExitStatus.Failed;
}

interface Layers {
  readonly base: string | undefined;
  readonly profile: string;
  readonly fragments: readonly { readonly name: string; readonly text: string }[];
}

async function readLayers({
  config,
  profile = [],
  configFragment = [],
}: ConfigCheckOptions): Promise<Layers> {
  const text = async (option: string, path: string) =>
    (await readUserFile(option, path, MAX_CONFIG_BYTES)).bytes.toString('utf8');
  return {
    base: config === undefined ? undefined : await text('--config', config),
    profile: await readProfiles(profile),
    fragments: await Promise.all(
      configFragment.map(async (name) => ({ name, text: await text('--config-fragment', name) })),
    ),
  };
}

/** Configures a commit the way that agents do, and tells what became of a symbol. */
async function valuesAt(
  git: Git,
  commit: CommitId,
  layers: Layers,
  options: ConfigCheckOptions,
  signal: AbortSignal,
): Promise<(symbol: string) => Omit<AtEnd, 'revision'>> {
  const arch = archOf(options.arch);
  const rule = parseToolchainRule(options.toolchain ?? '');
  const toolchain = chooseToolchain(rule, options.arch, await probeToolchains());
  if (arch === undefined || toolchain === undefined) {
    throw new KbisectError(
      'failed-precondition',
      `no compiler for ${options.arch} here that is ${options.toolchain ?? 'gcc'}; kbisect doctor tells what is missing`,
    );
  }
  const sandbox = await probeSandbox();
  return withKconfigTree(
    git,
    commit,
    async (tree) => {
      const bench = { tree, toolchain, sandbox, ccache: undefined, objects: undefined };
      const { result } = await makeConfig({ ...layers, bench, signal });
      const values = new Map(result.map(({ symbol, value }) => [symbol, value]));
      const valueOf = (symbol: string) => values.get(symbol) ?? 'n';
      const read = (path: string) => readFile(join(tree, path), 'utf8').catch(() => undefined);
      const conditions = await conditionsOf(read, arch.image.split('/')[1]!);
      return (symbol) => {
        const entries = conditions.get(symbol.replace(/^CONFIG_/, '')) ?? [];
        const reasons = entries.flatMap((all) => obstacles(all, (name) => valueOf(`CONFIG_${name}`)));
        const none =
          entries.length === 0 ? 'no such symbol' : 'nothing that it depends on; something else sets it';
        return { value: valueOf(symbol), reasons: reasons.length > 0 ? [...new Set(reasons)] : [none] };
      };
    },
    signal,
  );
}

function textOf(checked: readonly Checked[]): string {
  const revisions = checked[0]!.ends.map(({ revision }) => revision);
  const rows = checked.map(({ symbol, asked, ends }) => {
    const reasons = new Set(ends.flatMap((end) => end.reasons));
    const why = [...reasons].map((reason) => (/^no/.test(reason) ? reason : `needs ${reason}`)).join('; ');
    return [`${symbol}=${asked}`, ...ends.map(({ value }) => value), why];
  });
  return table([['asked', ...revisions, ''], ...rows]);
}
