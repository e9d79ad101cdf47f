import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { runText } from '@kbisect/shared/process';

/** A real terminal, in tmux: what a program writes is seen as a person sees it. */
export class Terminal {
  private constructor(private readonly name: string) {}

  /** @param command words, run without a shell; the screen stays when it has ended */
  static async open(
    command: readonly string[],
    columns: number,
    rows: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Terminal> {
    const name = `kbisect-${randomBytes(4).toString('hex')}`;
    const terminal = new Terminal(name);
    const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const size = ['-x', String(columns), '-y', String(rows)];
    // The whole of what is said stays to be looked at, also when the program is over.
    await terminal.#tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      ...size,
      ...variables,
      `${quoted}; echo "[ended $?]"; cat`,
    );
    return terminal;
  }

  /** What is on the screen, line by line. */
  async screen(): Promise<string[]> {
    return (await this.#tmux('capture-pane', '-p')).split('\n');
  }

  /** All that was written, as it lies above and on the screen; long lines are whole. @param styled with escape sequences */
  async everything({ styled = false } = {}): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-', ...(styled ? ['-e'] : []));
  }

  /** Looks until the screen shows it. */
  async shows(pattern: RegExp): Promise<string[]> {
    for (let tries = 0; tries < 1200; tries++) {
      const lines = await this.screen();
      if (pattern.test(lines.join('\n'))) return lines;
      await sleep(100);
    }
    throw new Error(`the terminal does not show ${pattern.source}:\n${await this.everything()}`);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined);
  }

  /** Each terminal has a server of its own. */
  async #tmux(...args: string[]): Promise<string> {
    return runText({ program: 'tmux', args: ['-u', '-L', this.name, ...args] });
  }
}
