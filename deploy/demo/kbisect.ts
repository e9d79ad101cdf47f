import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KbisectError } from '@kbisect/shared/errors';
import { killGroup, runText, startProcess, type Command } from '@kbisect/shared/process';
import { clone } from './debian-linux.js';

/** The `kbisect` command as a user of this clone calls it. */
export function kbisect(args: readonly string[]): Pick<Command, 'program' | 'args'> {
  return { program: process.execPath, args: [join(clone, 'coordinator/bin/kbisect.js'), ...args] };
}

/** A farm of `kbisect up`: a coordinator and agents, each a process of its own. */
export class Farm {
  private constructor(
    private readonly up: ChildProcess,
    /** Where its coordinator listens. */
    readonly address: string,
  ) {}

  /** Starts a farm that keeps its state in `state`. The caller stops it. */
  static async start(state: string, agents: number, say: (line: string) => void): Promise<Farm> {
    return Farm.#run(['up', '--agents', String(agents), '--state', state], say);
  }

  /** Starts a coordinator without agents. The caller stops it. */
  static async coordinator(state: string, say: (line: string) => void): Promise<Farm> {
    return Farm.#run(['coordinator', '--state', state], say);
  }

  static async #run(args: readonly string[], say: (line: string) => void): Promise<Farm> {
    const command = kbisect([...args, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']);
    const up = startProcess(command, ['ignore', 'pipe', 'inherit']);
    const lines = createInterface({ input: up.stdout! });
    for await (const line of lines) {
      say(line);
      const address = /gRPC (\S+?),? /.exec(line)?.[1];
      if (address !== undefined) return new Farm(up, address);
    }
    killGroup(up);
    throw new KbisectError('unavailable', 'the farm did not start');
  }

  /** Runs a command against this farm and gives its output. */
  async text(args: readonly string[]): Promise<string> {
    return runText(kbisect(['--coordinator', this.address, ...args]));
  }

  /** Runs a command against this farm on the user's own terminal and gives its exit status. */
  async show(args: readonly string[]): Promise<number | null> {
    const command = kbisect(['--coordinator', this.address, ...args]);
    const [status] = (await once(startProcess(command, ['ignore', 'inherit', 'inherit']), 'close')) as [
      number | null,
    ];
    return status;
  }

  /** Ends what an earlier run that was killed left behind: it would share the agents. What it built is kept. */
  async cancelUnfinished(): Promise<void> {
    const { jobs } = JSON.parse(await this.text(['jobs', '--json'])) as {
      jobs: { job: string; state: string }[];
    };
    for (const { job, state } of jobs) {
      if (['preparing', 'proving', 'searching', 'certifying'].includes(state))
        await this.text(['cancel', job]);
    }
  }

  /** Ends the farm in order; no process of it is left. */
  async stop(): Promise<void> {
    if (this.up.exitCode !== null || this.up.signalCode !== null) return;
    const closed = once(this.up, 'close');
    killGroup(this.up, 'SIGTERM');
    await closed;
  }
}
