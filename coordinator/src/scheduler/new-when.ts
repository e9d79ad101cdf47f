import { NewWhen_Kind, type NewWhen, type Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { Pattern } from '@kbisect/shared/pattern';

/** What a trial must show for its commit to be new, where the job says so itself. */
export class Wanted {
  readonly #pattern: Pattern | undefined;

  private constructor(private readonly newWhen: NewWhen) {
    if (newWhen.pattern !== '') this.#pattern = new Pattern(newWhen.pattern);
  }

  /** Undefined when what the new end shows tells. @throws KbisectError `invalid-argument` when the pattern is none */
  static of(newWhen: NewWhen | undefined): Wanted | undefined {
    return newWhen === undefined || newWhen.kind === NewWhen_Kind.KIND_UNSPECIFIED
      ? undefined
      : new Wanted(newWhen);
  }

  /** What all trials that show it have in common. */
  get showing(): 'fail' | 'hang' | 'crash' | `crash: ${string}` | `output: ${string}` {
    switch (this.newWhen.kind) {
      case NewWhen_Kind.KIND_UNSPECIFIED:
      case NewWhen_Kind.KIND_FAIL:
        return 'fail';
      case NewWhen_Kind.KIND_HANG:
        return 'hang';
      case NewWhen_Kind.KIND_CRASH:
        return this.#pattern === undefined ? 'crash' : `crash: /${this.#pattern.text}/`;
      case NewWhen_Kind.KIND_OUTPUT:
        return `output: /${this.newWhen.pattern}/`;
    }
  }

  isShownBy({ kind, warnings }: Outcome): boolean {
    switch (this.newWhen.kind) {
      case NewWhen_Kind.KIND_UNSPECIFIED:
        return false;
      case NewWhen_Kind.KIND_FAIL:
        return kind?.$case === 'fail';
      case NewWhen_Kind.KIND_HANG:
        return kind?.$case === 'hang';
      case NewWhen_Kind.KIND_CRASH:
        return this.#isCrash(
          kind?.$case === 'crash' ? kind.value.signature : undefined,
          warnings?.signatures,
        );
      case NewWhen_Kind.KIND_OUTPUT:
        return kind?.$case === 'outputMatched';
    }
  }

  /** Without a pattern any crash; with one also what the kernel complained of without a crash, such as a WARNING. */
  #isCrash(signature: string | undefined, warnings: readonly string[] = []): boolean {
    const pattern = this.#pattern;
    if (pattern === undefined) return signature !== undefined;
    return [...(signature === undefined ? [] : [signature]), ...warnings].some((one) => pattern.matches(one));
  }
}
