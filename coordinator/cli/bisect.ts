import { basename, resolve } from 'node:path';
import { blobName } from '@kbisect/shared/cache/blob-name';
import { CHUNK_BYTES } from '@kbisect/shared/cache/chunk';
import { KbisectError } from '@kbisect/shared/errors';
import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import type { GetInfoResponse, SubmitRequest, SubmitResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobSpec, Suspect } from '@kbisect/shared/gen/kbisect/v1/job';
import { Git } from '@kbisect/shared/git';
import { commitId } from '@kbisect/shared/ids';
import { PRIORITIES, type PriorityWord } from '../src/scheduler/priority.js';
import { withConnection, type Connection } from './connection.js';
import { resolveFixups } from './build-options.js';
import { endsOf, type EndOptions, type Ends } from './ends.js';
import { ExitStatus } from './exit-status.js';
import { follow } from './follow.js';
import { interruption } from './interruption.js';
import { leave } from './leave.js';
import { pushEnds, resolveEnds, type ResolvedEnds } from './local-repository.js';
import { printable } from './printable.js';
import { newWhenOf } from './new-when.js';
import { isRemote } from './repository-url.js';
import { testOf, type TestOptions } from './test-spec.js';
import { piecesOf, type Upload } from './user-file.js';
import { withFarmOfOwn } from './farm-of-own.js';

export interface BisectOptions extends EndOptions, TestOptions {
  readonly repo: string;
  readonly newWhen?: string;
  readonly firstParent?: boolean;
  readonly pathspec?: readonly string[];
  readonly suspect?: readonly Suspect[];
  readonly runs: number;
  readonly audit?: number;
  readonly timeout?: number;
  /** Whether the culprit is checked before it is named. */
  readonly certify: boolean;
  readonly backportTo?: readonly string[];
  /** Seen by the submitter and those who run the farm. */
  readonly private?: boolean;
  /** Labels of the agents that its tests are for. */
  readonly require?: Readonly<Record<string, string>>;
  readonly priority: PriorityWord;
  /** How many builds may be spent to find out which settings the culprit takes. */
  readonly minimiseConfig?: number;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly ci?: string;
  readonly local?: boolean;
  readonly agents: number;
  readonly state?: string;
}

/** A job that was checked and only waits for a coordinator. */
interface Order {
  readonly spec: JobSpec;
  readonly uploads: readonly Upload[];
  /** The repository whose commits are to be pushed; none when the coordinator fetches it. */
  readonly local: { readonly git: Git; readonly ends: ResolvedEnds } | undefined;
  readonly repoUrl: string;
}

/**
 * Submits a job and, unless it is to be left alone, follows it to its end.
 * @param given which options with defaults the user named
 * @throws KbisectError `invalid-argument` when the options do not make a job
 */
export async function bisect(
  coordinator: string,
  options: BisectOptions,
  given: { readonly agents: boolean; readonly arch: boolean },
): Promise<ExitStatus> {
  checkFarmOptions(options, given.agents);
  const interrupted = interruption();
  const order = await orderOf(options, given.arch);
  const json = options.json === true;
  const { ci } = options;
  const subject = subjectsOf(order);
  if (options.local) {
    const { agents, state } = options;
    return withFarmOfOwn({ agents, state }, interrupted, (connection, signal, onJob) =>
      submit(connection, order, signal).then((job) => {
        onJob(job);
        return follow(connection, job, { json, ci, subject }, signal);
      }),
    );
  }
  return withConnection(coordinator, async (connection) => {
    const job = await submit(connection, order, interrupted);
    if (options.detach) {
      process.stdout.write(json ? `${JSON.stringify({ job })}\n` : `${job}\n`);
      return ExitStatus.Found;
    }
    try {
      return await follow(connection, job, { json, ci, subject }, interrupted);
    } catch (error) {
      if (!interrupted.aborted) throw error;
      return leave(coordinator, job);
    }
  });
}

function checkFarmOptions({ local, detach, state, require }: BisectOptions, agentsGiven: boolean): void {
  if (local && require !== undefined) {
    throw new KbisectError(
      'invalid-argument',
      "--require and --local do not go together: agents of the job's own farm have no labels",
    );
  }
  if (local && detach) {
    throw new KbisectError(
      'invalid-argument',
      '--detach and --local do not go together: the farm would be gone',
    );
  }
  if (!local && (agentsGiven || state !== undefined)) {
    const option = agentsGiven ? '--agents' : '--state';
    throw new KbisectError('invalid-argument', `${option} is about a farm of the job's own: add --local`);
  }
}

/** Reads and checks all that the options name, before any coordinator is asked. */
async function orderOf(options: BisectOptions, archGiven: boolean): Promise<Order> {
  const ends = endsOf(options);
  const { test, uploads } = await testOf(options, archGiven);
  const spec = {
    mode: ends.mode,
    firstParent: options.firstParent === true,
    pathspecs: [...(options.pathspec ?? [])],
    suspects: [...(options.suspect ?? [])],
    runs: options.runs,
    audit: options.audit,
    timeoutSeconds: options.timeout ?? 0, // the coordinator knows what suits the test
    test,
    title: titleOf(options, ends),
    newWhen: newWhenOf(options.newWhen),
    certify: options.certify,
    private: options.private,
    submitter: undefined, // the coordinator knows
    backportTo: branchesOf(options, ends).map((name) => ({ name, commit: name })),
    minimiseConfig: minimisingOf(options),
    requiredLabels: Object.entries(options.require ?? {}).map(([key, value]) => ({ key, value })),
    priority: PRIORITIES[options.priority],
  };
  if (isRemote(options.repo)) {
    return {
      spec: { ...spec, ...{ olds: [...ends.olds], new: ends.new } },
      uploads,
      local: undefined,
      repoUrl: options.repo,
    };
  }
  const git = await Git.open(resolve(options.repo));
  const resolved = await resolveEnds(git, ends);
  const fixups = test.$case === 'boot' ? await resolveFixups(git, test.value.fixups) : [];
  // The farm needs what a fix-up and its range name, too; they are pushed as the ends are.
  const named = fixups
    .flatMap(({ commit, after, until }) => [commit, after, until])
    .filter((commit) => commit !== '');
  const backportTo: { name: string; commit: string }[] = [];
  for (const { name } of spec.backportTo) backportTo.push({ name, commit: await git.resolveCommit(name) });
  const also = [...named, ...backportTo.map(({ commit }) => commit)].map(commitId);
  const pushed = { ...resolved, olds: [...new Set([...resolved.olds, ...also])] };
  const resolvedTest = test.$case === 'boot' ? { ...test, value: { ...test.value, fixups } } : test;
  return {
    spec: { ...spec, backportTo, test: resolvedTest, olds: [...resolved.olds], new: resolved.new },
    uploads,
    local: { git, ends: pushed },
    repoUrl: '',
  };
}

/** The stable branches that the job is asked of. @throws KbisectError `invalid-argument` when it can say nothing of them */
function branchesOf({ backportTo = [], certify }: BisectOptions, { mode }: Ends): readonly string[] {
  if (backportTo.length > 0 && mode === Mode.MODE_ANY) {
    throw new KbisectError(
      'invalid-argument',
      '--backport-to is about a fix (--broken, --fixed) or a regression (--good, --bad)',
    );
  }
  if (backportTo.length > 0 && mode === Mode.MODE_FIX && !certify) {
    throw new KbisectError(
      'invalid-argument',
      '--backport-to picks what is certified: leave out --no-certify',
    );
  }
  return backportTo;
}

/** How many builds the settings are worth. @throws KbisectError `invalid-argument` when the job has none to be minimised */
function minimisingOf({
  minimiseConfig,
  certify,
  profile,
  configFragment,
}: BisectOptions): number | undefined {
  if (minimiseConfig === undefined) return undefined;
  if (profile === undefined && configFragment === undefined) {
    throw new KbisectError(
      'invalid-argument',
      '--minimise-config is about the settings of --profile and --config-fragment: give one of them',
    );
  }
  if (!certify) {
    throw new KbisectError(
      'invalid-argument',
      '--minimise-config begins with what is certified: leave out --no-certify',
    );
  }
  return minimiseConfig;
}

/** The job in one line, for lists. */
function titleOf({ repo, reproducer, initramfs, run }: BisectOptions, ends: Ends): string {
  const name = basename(isRemote(repo) ? repo : resolve(repo)).replace(/\.git$/, '');
  const test = run ?? basename(reproducer?.[0] ?? initramfs ?? '');
  return printable(`${name} ${ends.olds.join(' ')}..${ends.new}: ${test}`).slice(0, 200);
}

/** Brings the job's files and commits to the coordinator, then the job. */
async function submit(connection: Connection, order: Order, signal: AbortSignal): Promise<string> {
  const { farm } = connection;
  const blobs = new Map(order.uploads.map((upload) => [upload.named.blob.digest, upload]));
  for (const upload of blobs.values()) {
    signal.throwIfAborted();
    const { digest, size } = upload.named.blob;
    await connection.blobs.put(blobName(digest, size), piecesOf(upload, CHUNK_BYTES));
  }
  if (order.local) {
    const { gitUrl } = await connection.call<GetInfoResponse>((...rest) => farm.getInfo({}, ...rest));
    const showProgress = process.stderr.isTTY ? (text: string) => process.stderr.write(text) : undefined;
    await pushEnds(order.local.git, gitUrl, order.local.ends, signal, connection.login, showProgress);
  }
  const request: SubmitRequest = { spec: order.spec, repoUrl: order.repoUrl };
  // To fetch a kernel's history takes as long as it takes.
  const limitMs = order.repoUrl === '' ? 60_000 : 6 * 3_600_000;
  const { job, joined } = await connection.call<SubmitResponse>((...rest) => farm.submit(request, ...rest), {
    limitMs,
    signal,
  });
  if (joined) process.stderr.write(`job ${job} asks the same and is running: joined\n`);
  return job;
}

/** Subjects of commits, from the user's own repository where there is one. */
function subjectsOf({ local }: Order): (commit: string) => Promise<string | undefined> {
  return async (commit) => local?.git.subject(commitId(commit)).catch(() => undefined);
}
