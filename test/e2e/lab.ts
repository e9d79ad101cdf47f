import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials } from '@grpc/grpc-js';
import { FarmClient, type WatchResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { killGroup, run, startProcess, type Completed } from '@kbisect/shared/process';

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

/** A coordinator and agents on this machine, real processes that a test may kill; all gone when it is closed. */
export class Lab {
  readonly #agents = new Map<string, ChildProcess>();
  readonly #logs = new Map<string, string>();
  #coordinator: ChildProcess | undefined;
  #listen = '127.0.0.1:0';
  #http = '127.0.0.1:0';

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
    return this.#http;
  }

  get address(): string {
    return this.#listen;
  }

  /** Starts the coordinator, at the addresses that it had before. */
  async startCoordinator(): Promise<void> {
    const place = ['--state', join(this.directory, 'state'), '--listen', this.#listen, '--http', this.#http];
    const args = ['coordinator', ...place, ...this.settings];
    const child = startProcess(command(args), ['ignore', 'pipe', 'ignore']);
    this.#coordinator = child;
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    const [, listen, http] = /gRPC (\S+), HTTP (\S+)/.exec(line) ?? [];
    if (listen === undefined || http === undefined) throw new Error(`the coordinator said: ${line}`);
    [this.#listen, this.#http] = [listen, http];
  }

  async killCoordinator(): Promise<void> {
    await kill(this.#coordinator);
  }

  startAgent(name: string, slots = 1): void {
    const args = ['--coordinator', this.#listen, 'agent', '--name', name, '--workdir', this.workdir(name)];
    args.push('--slots', String(slots));
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
    return run(command(['--coordinator', this.#listen, ...args]));
  }

  /** Submits a job and gives its id. */
  async submit(...args: string[]): Promise<string> {
    const done = await this.kbisect('bisect', ...args, '--detach');
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout.toString('utf8').trim();
  }

  /** Waits for a job's end, over restarts of the coordinator. */
  async result(job: string): Promise<Result> {
    const done = await this.kbisect('watch', job, '--json');
    return JSON.parse(done.stdout.toString('utf8').trim().split('\n').at(-1) ?? '') as Result;
  }

  /** What a watcher of the job is told; the caller leaves the loop when it has seen enough. */
  async *watch(job: string): AsyncIterable<NonNullable<WatchResponse['kind']>> {
    const client = new FarmClient(this.#listen, credentials.createInsecure());
    const stream = client.watch({ job });
    stream.on('error', () => undefined);
    try {
      for await (const { kind } of stream as AsyncIterable<WatchResponse>) if (kind) yield kind;
    } finally {
      stream.cancel();
      client.close();
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
      if (cwd.startsWith(`${this.workdir(agent)}/`)) found.push(pid);
    }
    return found;
  }

  /** Ends all processes of the farm; its files stay. */
  async stop(): Promise<void> {
    for (const child of [...this.#agents.values(), this.#coordinator]) await kill(child, 'SIGTERM');
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
