import type { Digest } from '@kbisect/shared/digest';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { Artifacts } from './artifacts.js';

/**
 * The build of a source by its configuration as kbuild has made it: whatever was asked for, equal configurations are built
 * once. To be disposed of when its result is recorded.
 */
export class SameConfig implements Disposable {
  #action: Digest | undefined;
  #turn: Disposable | undefined;

  /** @param actionOf names the build by the digest of the `.config` */
  constructor(
    private readonly artifacts: Artifacts,
    private readonly actionOf: (config: string) => Digest,
  ) {}

  /** Names the build; none before the configuration is known. */
  get action(): Digest | undefined {
    return this.#action;
  }

  /**
   * What came of the build, if it was ever done; else it is this agent's turn to do it.
   * @param onWait is called when another agent does it
   */
  async result(config: string, onWait: () => void, signal: AbortSignal): Promise<ActionResult | undefined> {
    const action = (this.#action = this.actionOf(config));
    const known = await this.artifacts.actionResult(action, signal);
    if (known) return known;
    this.#turn = await this.artifacts.takeTurn(action, onWait, signal);
    return this.artifacts.actionResult(action, signal);
  }

  [Symbol.dispose](): void {
    this.#turn?.[Symbol.dispose]();
  }
}
