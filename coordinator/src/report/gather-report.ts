import {
  CheckKind,
  CheckResult,
  Mode,
  Verdict,
  type BlobRef,
  type BootTest,
  type Check,
  type JobEvent,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { fixupsOf } from '@kbisect/shared/fixups';
import type { Git } from '@kbisect/shared/git';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import { labelText } from '@kbisect/shared/label';
import { formatSetting, parseConfig } from '@kbisect/shared/settings';
import { describeCheck, resultWord } from '../scheduler/checks.js';
import type { CheckState } from '../scheduler/check-state.js';
import type { Job } from '../scheduler/job.js';
import { stateWord } from '../scheduler/job-state.js';
import { bisectLogOf } from './bisect-log-of.js';
import { stateOfBranch } from '../branches.js';
import { compilerIn, crashLines } from './console-text.js';
import { peopleFor } from './people.js';
import type { NamedCommit, ReportDocument } from './report-document.js';
import { termsOf } from './terms.js';
import { stablePatch } from './stable-patch.js';
import { trialsInShort } from './trials-in-short.js';

/** What a report is gathered from. */
export interface ReportSources {
  readonly git: Git;
  readonly events: readonly JobEvent[];
  /** A console, or as much of it as is worth reading. */
  readonly readConsole: (blob: BlobRef) => Promise<string>;
  /** A .config. */
  readonly readConfig: (blob: BlobRef) => Promise<string>;
}

/** Gathers all that is known of a job, over or not. */
export async function gatherReport(job: Job, sources: ReportSources): Promise<ReportDocument> {
  const { git, events } = sources;
  const { spec } = job;
  const name = async (commit: string): Promise<NamedCommit> => ({
    commit,
    subject: await git.subject(commitId(commit)).catch(() => ''),
  });
  const names = (commits: readonly string[]) => Promise.all(commits.map(name));
  const end = async (commit: string) => ({ ...(await name(commit)), version: await version(git, commit) });
  const consoles = new Consoles(events, sources);
  const mode = MODES[spec.mode];
  const terms = termsOf(spec.mode);
  const verdict = (given: Verdict) =>
    given === Verdict.VERDICT_OLD ? terms.old : given === Verdict.VERDICT_NEW ? terms.new : 'skip';
  const isRegression = spec.mode === Mode.MODE_REGRESSION;
  return {
    version: 1,
    job: job.id,
    title: spec.title,
    mode,
    state: stateWord(job.state),
    reason: job.reason,
    confidence: job.confidence,
    culprit: job.culprit && (await culprit(git, job.culprit)),
    pair: await names(job.pair),
    candidates: await names(job.candidates),
    olds: await Promise.all(spec.olds.map(end)),
    new: await end(spec.new),
    shows: job.proof,
    crash: await crash(job, consoles),
    checks: await Promise.all(
      job.certificate.latest
        .filter((state) => state.check.kind !== CheckKind.CHECK_KIND_CONFIG)
        .map((state) => check(git, state, names)),
    ),
    minimalConfig: await minimalConfig(job, sources),
    branches:
      isRegression && job.culprit !== undefined
        ? await Promise.all(spec.backportTo.map((branch) => stateOfBranch(git, job.culprit!, branch)))
        : [],
    people: job.culprit ? await peopleFor(git, job.culprit, isRegression) : [],
    requires: spec.requiredLabels.map(labelText),
    range: { commits: job.commits, classes: job.classes },
    test: await test(job, sources, consoles),
    statistics: {
      builds: job.evidence.builds,
      trials: job.evidence.trials,
      cacheHits: job.evidence.cacheHits,
      seconds: (job.lastAt.getTime() - job.submittedAt.getTime()) / 1000,
    },
    verdicts: await Promise.all(
      [...job.verdicts].map(async ([commit, given]) => {
        const { outcomes, buildFailure } = job.evidence.of(commit);
        const unbuilt = buildFailure && `does not build: ${buildFailure}`;
        const untried =
          given === Verdict.VERDICT_SKIP ? 'not tried' : 'not tried: it follows from the others';
        const shown = unbuilt ?? (trialsInShort(outcomes) || untried);
        return { ...(await name(commit)), verdict: verdict(given), shown };
      }),
    ),
    bisectLog: await bisectLogOf(job, (commit) => git.subject(commit)),
  };
}

const MODES = {
  [Mode.MODE_REGRESSION]: 'regression',
  [Mode.MODE_FIX]: 'fix',
  [Mode.MODE_ANY]: 'any',
  [Mode.MODE_UNSPECIFIED]: 'any',
} as const;

/** The tag by which a patch says what it mends. */
export function fixesTag(commit: string, subject: string): string {
  return `Fixes: ${shortId(commit)} ("${subject}")`;
}

async function culprit(git: Git, commit: CommitId): Promise<NonNullable<ReportDocument['culprit']>> {
  const format = '--format=%s%x00%an%x00%ae%x00%aD%x00%P';
  const [subject = '', author = '', email = '', date = '', parents = ''] = (
    await git.text(['log', '-1', format, commit, '--'])
  ).split('\0');
  const tag = fixesTag(commit, subject);
  return { commit, subject, author, email, date, parents: parents.split(' ').filter(Boolean), fixesTag: tag };
}

/** The kernel's version by its Makefile; empty when the tree has none. */
async function version(git: Git, commit: string): Promise<string> {
  const makefile = await git.text(['show', `${commit}:Makefile`]).catch(() => '');
  const part = (name: string) => new RegExp(`^${name} *= *(.*?) *$`, 'm').exec(makefile)?.[1] ?? '';
  const numbers = ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map(part).filter(Boolean);
  return numbers.length === 0 ? '' : numbers.join('.') + part('EXTRAVERSION');
}

async function crash(job: Job, consoles: Consoles): Promise<ReportDocument['crash']> {
  const crashing =
    job.spec.mode === Mode.MODE_FIX ? job.spec.olds : [job.culprit ?? job.spec.new, job.spec.new];
  for (const commit of crashing) {
    const trial = consoles.trial(commit, 'crash');
    const kind = trial?.outcome?.kind;
    if (kind?.$case !== 'crash') continue;
    const { signature, function: its, file, taint } = kind.value;
    return { signature, function: its, file, taint, lines: crashLines(await consoles.read(trial?.console)) };
  }
  return undefined;
}

async function check(
  git: Git,
  { check: asked, result, detail }: CheckState,
  names: (commits: readonly string[]) => Promise<NamedCommit[]>,
): Promise<ReportDocument['checks'][number]> {
  return {
    kind: KINDS[asked.kind],
    what: describeCheck(asked),
    of: asked.of,
    commit: asked.commit || undefined,
    onto: asked.onto || undefined,
    result: resultWord(result),
    detail: result === CheckResult.CHECK_RESULT_UNSPECIFIED ? asked.impossible : detail,
    conflicts: asked.conflicts,
    needs: await names(asked.needs),
    fixes: await names(asked.fixes),
    ...(asked.kind === CheckKind.CHECK_KIND_BACKPORT && asked.commit !== ''
      ? { branch: asked.name, patch: await stablePatch(git, commitId(asked.commit), commitId(asked.of)) }
      : {}),
  };
}

const KINDS = {
  [CheckKind.CHECK_KIND_UNSPECIFIED]: 'culprit',
  [CheckKind.CHECK_KIND_CULPRIT]: 'culprit',
  [CheckKind.CHECK_KIND_PARENT]: 'parent',
  [CheckKind.CHECK_KIND_REVERT]: 'revert',
  [CheckKind.CHECK_KIND_PAIR]: 'pair',
  [CheckKind.CHECK_KIND_BACKPORT]: 'backport',
  [CheckKind.CHECK_KIND_CONFIG]: 'culprit', // of these only what they came to is reported
} as const satisfies Record<Check['kind'], string>;

async function minimalConfig(
  job: Job,
  { readConfig }: ReportSources,
): Promise<ReportDocument['minimalConfig']> {
  const { config } = job.certificate;
  if (job.minimalConfig === undefined || config === undefined) return undefined;
  const { settings, spared, minimal, reason } = job.minimalConfig;
  const without = (setting: string) => {
    const state = config.without(setting);
    if (state === undefined) return 'not tried';
    return `${state.check.of === config.culprit ? 'the culprit' : 'its parent'}: ${state.detail}`;
  };
  const built = config.best?.config;
  const text = built === undefined ? '' : await readConfig(built).catch(() => '');
  const on = new Set(parseConfig(text).flatMap((one) => (one.value === 'n' ? [] : formatSetting(one))));
  return {
    settings: settings.map((setting) => ({ setting, without: without(setting) })),
    spared,
    kept: spared.filter((setting) => on.has(setting)),
    minimal,
    reason,
  };
}

async function test(
  job: Job,
  { git, events }: ReportSources,
  consoles: Consoles,
): Promise<ReportDocument['test']> {
  const { spec, culprit } = job;
  if (spec.test?.$case !== 'boot') return { kind: 'run', command: spec.test?.value.command ?? '' };
  const { reproducer, arch, baseConfig, profile, fragments } = spec.test.value;
  const trial = consoles.trial(culprit ?? spec.new);
  return {
    kind: 'boot',
    reproducer: reproducer?.files.map(({ name }) => name) ?? [],
    arch,
    compiler: compilerIn(await consoles.read(trial?.console)),
    config: [baseConfig, profile, ...fragments].flatMap((part) =>
      part?.blob === undefined ? [] : [{ name: part.name, sha256: part.blob.digest }],
    ),
    fixups: await picks(job, spec.test.value, git, events),
    qemu: trial?.machine?.arguments ?? [],
  };
}

/** What was picked on the commits that show what was found. */
async function picks(
  { spec, culprit }: Job,
  { fixups }: BootTest,
  git: Git,
  events: readonly JobEvent[],
): Promise<{ commit: string; picked: string[] }[]> {
  const leases = events.flatMap(({ fact }) => (fact?.$case === 'leased' ? [fact.value] : []));
  const parents = culprit && (await git.text(['rev-parse', `${culprit}^@`])).split('\n').filter(Boolean);
  const shown = [culprit ?? spec.new, ...(parents ?? spec.olds)];
  const all = shown.map(async (commit) => {
    const named = leases.findLast((lease) => lease.commit === commit)?.fixups?.commits ?? [];
    return { commit, picked: await fixupsOf(git, commitId(commit), named, fixups) };
  });
  return (await Promise.all(all)).filter(({ picked }) => picked.length > 0);
}

/** The trials of a job and what their consoles say. */
class Consoles {
  constructor(
    private readonly events: readonly JobEvent[],
    private readonly sources: ReportSources,
  ) {}

  /** The last trial of a commit, or the last that came out so. */
  trial(commit: string, outcome?: string) {
    const trials = this.events.flatMap(({ fact }) => (fact?.$case === 'tried' ? [fact.value] : []));
    return trials.findLast(
      (trial) => trial.commit === commit && (outcome === undefined || trial.outcome?.kind?.$case === outcome),
    );
  }

  /** Empty when it is not there any more. */
  async read(console: BlobRef | undefined): Promise<string> {
    return console === undefined ? '' : this.sources.readConsole(console).catch(() => '');
  }
}
