import { runText, run } from '@kbisect/shared/process';

/** A link of this machine's to a network namespace, as a cable to a machine elsewhere. Needs root and iproute2. */
export class Cable {
  readonly #namespace = `kbisect-${process.pid}`;
  readonly #near = `kbn${process.pid}`;
  readonly #far = `kbf${process.pid}`;
  /** Of this end. */
  readonly address = `10.211.${process.pid % 250}.1`;

  /** Whether this machine can have one. */
  static async isPossible(): Promise<boolean> {
    if (process.getuid?.() !== 0) return false;
    const cable = new Cable();
    try {
      await cable.lay();
      return true;
    } catch {
      return false;
    } finally {
      await cable.remove();
    }
  }

  async lay(): Promise<void> {
    await ip('netns', 'add', this.#namespace);
    await ip('link', 'add', this.#near, 'type', 'veth', 'peer', 'name', this.#far, 'netns', this.#namespace);
    await ip('addr', 'add', `${this.address}/30`, 'dev', this.#near);
    await ip('link', 'set', this.#near, 'up');
    await this.#there('addr', 'add', `${this.address.replace(/1$/, '2')}/30`, 'dev', this.#far);
    await this.#there('link', 'set', 'lo', 'up');
    await this.#there('link', 'set', this.#far, 'up');
  }

  /** A command as it is run at the other end. */
  there(program: string, args: readonly string[]): { program: string; args: string[] } {
    return { program: 'ip', args: ['netns', 'exec', this.#namespace, program, ...args] };
  }

  async pull(): Promise<void> {
    await this.#there('link', 'set', this.#far, 'down');
  }

  async plug(): Promise<void> {
    await this.#there('link', 'set', this.#far, 'up');
  }

  /** From now on no more than so much arrives, each way; the rest waits. */
  async slow(rate: string): Promise<void> {
    // Not netem, which is in few kernels of virtual machines.
    const shape = ['root', 'tbf', 'rate', rate, 'burst', '8kb', 'latency', '2s'];
    await runText({ program: 'tc', args: ['qdisc', 'replace', 'dev', this.#near, ...shape] });
    await runText(this.there('tc', ['qdisc', 'replace', 'dev', this.#far, ...shape]));
  }

  async remove(): Promise<void> {
    await run({ program: 'ip', args: ['netns', 'del', this.#namespace] });
    await run({ program: 'ip', args: ['link', 'del', this.#near] });
  }

  async #there(...args: string[]): Promise<void> {
    await ip('-n', this.#namespace, ...args);
  }
}

async function ip(...args: string[]): Promise<void> {
  await runText({ program: 'ip', args });
}
