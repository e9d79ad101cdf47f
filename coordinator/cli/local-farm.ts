import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type { ListAgentsResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { CreateTokenResponse } from '@kbisect/shared/gen/kbisect/v1/identity';
import type { Login } from '../src/identity/login.js';
import { Connection } from './connection.js';
import { Daemon } from './daemon.js';
import { ownerOf } from './logins.js';

const POLL_MS = 200;
/** An agent probes its machine, with a boot, before it says hello. */
const REGISTER_MS = 180_000;
const RESTART_FIRST_MS = 1000;
const RESTART_LAST_MS = 60_000;

export interface LocalFarmOptions {
  readonly agents: number;
  readonly state: string;
  readonly listen: string;
  readonly http: string;
}

/** A coordinator and agents on this machine, each a process of its own. */
export class LocalFarm {
  /** Where the coordinator listens for gRPC and for HTTP. */
  address = '';
  http = '';
  /** Aborted, with the coordinator's last words, when it ends before it is told to. */
  readonly lost: AbortSignal;
  readonly logs: string;
  readonly #lost = new AbortController();
  readonly #closing = new AbortController();
  readonly #agents: { current: Daemon; readonly kept: Promise<void> }[] = [];
  #coordinator: Daemon | undefined;

  private constructor(
    private readonly options: LocalFarmOptions,
    private readonly say: (line: string) => void,
  ) {
    this.lost = this.#lost.signal;
    this.logs = join(options.state, 'log');
  }

  /**
   * Starts a farm; it is there when all of its agents are. The caller closes it.
   * @param say sees what a person should know: an agent that died, a tool that is missing
   * @throws KbisectError with the coordinator's words when it cannot start
   */
  static async start(
    options: LocalFarmOptions,
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<LocalFarm> {
    const farm = new LocalFarm(options, say);
    try {
      await mkdir(farm.logs, { recursive: true });
      await farm.#startCoordinator(signal);
      const owner = await ownerOf(options.state);
      if (owner) farm.address = owner.address;
      for (let number = 1; number <= options.agents; number += 1) {
        const name = `agent-${number}`;
        farm.#startAgent(name, owner && (await tokenFor(name, owner)));
      }
      await farm.#allRegistered(AbortSignal.any([signal, farm.lost]));
      return farm;
    } catch (error) {
      await farm.close();
      throw error;
    }
  }

  /** Ends the agents, then the coordinator; no process is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#agents.map(async ({ current }) => current.stop()));
    await Promise.all(this.#agents.map(({ kept }) => kept));
    await this.#coordinator?.stop();
  }

  async #startCoordinator(signal: AbortSignal): Promise<void> {
    const { state, listen, http } = this.options;
    const listening = new Promise<void>((resolve) => {
      const args = ['coordinator', '--state', state, '--listen', listen, '--http', http];
      this.#coordinator = new Daemon(args, join(this.logs, 'coordinator.log'), (line) => {
        const [, grpc, web] = /^kbisect coordinator: gRPC (\S+), HTTP (\S+)$/.exec(line) ?? [];
        if (grpc === undefined || web === undefined) return;
        this.address = grpc;
        this.http = web;
        resolve();
      });
    });
    void this.#coordinator?.ended.then((words) => {
      if (this.#closing.signal.aborted) return;
      this.#lost.abort(new KbisectError('unavailable', `the coordinator ended: ${words}`));
    });
    await Promise.race([listening, rejection(AbortSignal.any([signal, this.lost]))]);
  }

  #startAgent(name: string, token: string | undefined): void {
    const workdir = join(this.options.state, 'agents', name);
    const args = ['--coordinator', this.address, 'agent', '--name', name, '--workdir', workdir];
    const start = () =>
      new Daemon(
        args,
        join(this.logs, `${name}.log`),
        undefined,
        token === undefined ? {} : { KBISECT_TOKEN: token },
      );
    const agent = { current: start(), kept: Promise.resolve() };
    agent.kept = this.#keep(name, agent, start);
    this.#agents.push(agent);
  }

  /** Starts an agent again whenever it dies, each time a little later. */
  async #keep(name: string, agent: { current: Daemon }, start: () => Daemon): Promise<void> {
    const { signal } = this.#closing;
    let waitMs = RESTART_FIRST_MS;
    try {
      for (;;) {
        const startedAt = systemClock.now();
        const words = await agent.current.ended;
        signal.throwIfAborted();
        if (systemClock.now() - startedAt > RESTART_LAST_MS) waitMs = RESTART_FIRST_MS;
        this.say(`${name} died: ${words}; it is started again in ${waitMs / 1000} s`);
        await systemClock.sleep(waitMs, signal);
        agent.current = start();
        waitMs = Math.min(RESTART_LAST_MS, waitMs * 2);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #allRegistered(signal: AbortSignal): Promise<void> {
    const connection = await Connection.open(this.address, await ownerOf(this.options.state));
    try {
      const until = systemClock.now() + REGISTER_MS;
      for (;;) {
        signal.throwIfAborted();
        const { agents } = await connection.call<ListAgentsResponse>((...rest) =>
          connection.farm.listAgents({}, ...rest),
        );
        const ours = agents.filter(({ name, connected }) => connected && /^agent-\d+$/.test(name));
        if (ours.length >= this.options.agents) {
          const missing = ours.flatMap(({ capabilities }) => capabilities?.missing ?? []);
          for (const lack of new Set(missing)) this.say(lack);
          return;
        }
        if (systemClock.now() > until) {
          throw new KbisectError(
            'unavailable',
            `of ${this.options.agents} agents only ${ours.length} came up; their logs are in ${this.logs}`,
          );
        }
        await systemClock.sleep(POLL_MS, signal).catch(() => undefined);
      }
    } finally {
      connection.close();
    }
  }
}

/** Lets an agent of this machine into a farm that asks who calls. */
async function tokenFor(name: string, owner: Login): Promise<string> {
  const connection = await Connection.open(owner.address, owner);
  try {
    const wanted = { role: 'agent', ttlSeconds: 3600, uses: 1, name };
    const { token } = await connection.call<CreateTokenResponse>((...rest) =>
      connection.identity.createToken(wanted, ...rest),
    );
    return token;
  } finally {
    connection.close();
  }
}

/** Rejects with the signal's reason when it is aborted. */
async function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => {
      reject(signal.reason instanceof Error ? signal.reason : new KbisectError('cancelled', 'interrupted'));
    };
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
