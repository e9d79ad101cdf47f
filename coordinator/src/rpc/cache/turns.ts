import type { Digest } from '@kbisect/shared/digest';

/** A place in the line for an action. */
export interface Place {
  /** Whether it is its turn at once. */
  readonly first: boolean;
  /** Resolves when it is its turn. */
  readonly turn: Promise<void>;
  /** Leaves the line, or ends the turn. */
  leave(): void;
}

/**
 * Lines for actions, so that only one does each at a time. Nothing of them is kept: whoever was in line when a coordinator
 * went down stands in line anew, and in the worst case an action is done twice.
 */
export class Turns {
  readonly #lines = new Map<Digest, (() => void)[]>();

  join(action: Digest): Place {
    const line = this.#lines.get(action) ?? [];
    this.#lines.set(action, line);
    let call: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => (call = resolve));
    line.push(call);
    const first = line[0] === call;
    if (first) call();
    const leave = () => {
      const at = line.indexOf(call);
      if (at < 0) return;
      line.splice(at, 1);
      line[0]?.();
      if (line.length === 0) this.#lines.delete(action);
    };
    return { first, turn, leave };
  }
}
