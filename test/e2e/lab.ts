import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials, Metadata } from '@grpc/grpc-js';
import { systemClock } from '@kbisect/shared/clock';
import { FarmClient } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { LeaderChannel } from '@kbisect/shared/leader-channel';
import { killGroup, run, startProcess, type Completed } from '@kbisect/shared/process';
import { unaryCall } from '@kbisect/shared/status';
import { watchJob, type WatchMessage } from '../../coordinator/cli/watch-job.js';

const PROGRAM = join(import.meta.dirname, '../../coordinator/bin/kbisect.js');

/** What `--json` says of a job. */
export interface Result {
  readonly job: string;
  readonly state: string;
  readonly culprit: { readonly commit: string; readonly subject: string } | null;
  readonly candidates: readonly string[];
  readonly reason: string;
  readonly builds: number;
  readonly trials: number;
  readonly cacheHits: number;
  readonly classes: number;
  readonly minimalConfig?: { readonly settings: readonly string[]; readonly minimal: boolean };
  readonly audit?: { readonly compared: number; readonly wrong: number };
}

/** A coordinator's process, and what stays of it when it is killed. */
interface Coordinator {
  child?: ChildProcess;
  listen: string;
  http: string;
}

/**
 * A coordinator, or several, and agents on this machine, real processes that a test may kill; all gone when it is closed.
 */
export class Lab {
  readonly #agents = new Map<string, ChildProcess>();
  readonly #logs = new Map<string, string>();
  readonly #coordinators: Coordinator[] = [];

  private constructor(
    readonly directory: string,
    private readonly settings: readonly string[],
  ) {}

  /** @param config settings of the coordinator, as its `--config` file has them */
  static async open(config?: object): Promise<Lab> {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-lab-'));
    if (config === undefined) return new Lab(directory, []);
    const path = join(directory, 'config.json');
    await writeFile(path, JSON.stringify(config));
    return new Lab(directory, ['--config', path]);
  }

  get httpAddress(): string {
    return this.#coordinators[0]?.http ?? '';
  }

  /** Of the coordinator, or of all of them. */
  get address(): string {
    return this.#coordinators.map(({ listen }) => listen).join(',');
  }

  /** Starts a coordinator, at the addresses that it had before. */
  async startCoordinator(number = 0): Promise<void> {
    const coordinator = (this.#coordinators[number] ??= { listen: '127.0.0.1:0', http: '127.0.0.1:0' });
    const state = join(this.directory, number === 0 ? 'state' : `state${number}`);
    const place = ['--state', state, '--listen', coordinator.listen, '--http', coordinator.http];
    const args = ['coordinator', ...place, ...this.settings];
    const child = startProcess(command(args), ['ignore', 'pipe', 'ignore']);
    coordinator.child = child;
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    const [, listen, http] = /gRPC (\S+), HTTP (\S+)/.exec(line) ?? [];
    if (listen === undefined || http === undefined) throw new Error(`the coordinator said: ${line}`);
    Object.assign(coordinator, { listen, http });
  }

  async killCoordinator(number = 0): Promise<void> {
    await kill(this.#coordinators[number]?.child);
  }

  /** Which of several coordinators leads; undefined while none does. */
  async leader(): Promise<number | undefined> {
    const answers = await Promise.all(
      this.#coordinators.map(async ({ listen }) => {
        const client = new FarmClient(listen, credentials.createInsecure());
        try {
          await unaryCall((done) =>
            client.getInfo({}, new Metadata(), { deadline: Date.now() + 1000 }, done),
          );
          return true;
        } catch {
          return false;
        } finally {
          client.close();
        }
      }),
    );
    const number = answers.indexOf(true);
    return number === -1 ? undefined : number;
  }

  /** @param more options of `kbisect agent` */
  startAgent(name: string, slots = 1, ...more: string[]): void {
    const args = ['--coordinator', this.address, 'agent', '--name', name, '--workdir', this.workdir(name)];
    args.push('--slots', String(slots), ...more);
    const child = startProcess(command(args), ['ignore', 'ignore', 'pipe']);
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#logs.set(name, (this.#logs.get(name) ?? '') + chunk.toString('utf8'));
    });
    this.#agents.set(name, child);
  }

  /** Whether an agent has logged such words. */
  hasLogged(agent: string, words: RegExp): boolean {
    return words.test(this.#logs.get(agent) ?? '');
  }

  async killAgent(name: string): Promise<void> {
    await kill(this.#agents.get(name));
  }

  workdir(agent: string): string {
    return join(this.directory, 'agents', agent);
  }

  /** Runs a command of the program against this farm. */
  async kbisect(...args: string[]): Promise<Completed> {
    return run(command(['--coordinator', this.address, ...args]));
  }

  /** Submits a job and gives its id. */
  async submit(...args: string[]): Promise<string> {
    const done = await this.kbisect('bisect', ...args, '--detach');
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout.toString('utf8').trim();
  }

  /** Waits for a job's end, over restarts of the coordinator. */
  async result(job: string): Promise<Result> {
    for (;;) {
      const done = await this.kbisect('watch', job, '--json');
      const last = done.stdout.toString('utf8').trim().split('\n').at(-1);
      if (last) return JSON.parse(last) as Result;
      // A coordinator that is just being started again.
      if (!done.stderr.includes('no coordinator answers')) throw new Error(done.stderr);
    }
  }

  /** What a watcher of the job is told, over restarts of the coordinator; the caller leaves the loop when it has seen enough. */
  async *watch(job: string): AsyncIterable<WatchMessage> {
    const channel = new LeaderChannel(this.address, () => credentials.createInsecure(), {});
    const client = new FarmClient(this.address, credentials.createInsecure(), { channelOverride: channel });
    try {
      yield* watchJob(client, job, systemClock, new AbortController().signal);
    } finally {
      channel.close();
    }
  }

  /** All events of a job that is over. */
  async events(job: string): Promise<NonNullable<JobEvent['fact']>[]> {
    const events: NonNullable<JobEvent['fact']>[] = [];
    for await (const kind of this.watch(job)) {
      if (kind.$case === 'event' && kind.value.fact) events.push(kind.value.fact);
    }
    return events;
  }

  /** Commits that a job had built for its search, each as often as a build was finished; a check may build anew. */
  async finishedBuilds(job: string): Promise<string[]> {
    const events = await this.events(job);
    const checks = new Set(
      events.flatMap((fact) =>
        fact.$case === 'leased' && fact.value.check !== undefined ? [fact.value.lease] : [],
      ),
    );
    return events.flatMap((fact) =>
      fact.$case === 'built' && !fact.value.cached && !checks.has(fact.value.lease)
        ? [fact.value.commit]
        : [],
    );
  }

  /** Processes that work below an agent's directory, by their commands. */
  async workers(agent: string): Promise<string[]> {
    const found: string[] = [];
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (!cwd.startsWith(`${this.workdir(agent)}/`)) continue;
      const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      found.push(`${pid} ${args.replaceAll('\0', ' ').slice(0, 200)}`);
    }
    return found;
  }

  /** Ends all processes of the farm; its files stay. */
  async stop(): Promise<void> {
    const coordinators = this.#coordinators.map(({ child }) => child);
    for (const child of [...this.#agents.values(), ...coordinators]) await kill(child, 'SIGTERM');
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

function command(args: readonly string[]) {
  return { program: process.execPath, args: [PROGRAM, ...args] };
}

async function kill(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  killGroup(child, signal);
  await closed;
}
