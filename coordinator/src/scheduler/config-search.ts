import {
  Check,
  CheckKind,
  CheckResult,
  Verdict,
  type MinimalConfig,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { ddmin, type Minimisation, type Subset, type SubsetResult } from '../search/ddmin.js';
import type { CheckState } from './check-state.js';
import type { FactOf } from './facts.js';

/** So many subsets are tested at once. */
const AT_ONCE = 32;

const { CHECK_RESULT_UNSPECIFIED: OPEN, CHECK_RESULT_PASS: PASS, CHECK_RESULT_FAIL: FAIL } = CheckResult;

/** A check, and its place among those of the job. */
interface Placed {
  readonly index: number;
  readonly state: CheckState;
}

/** The checks of a subset: the commit that shows the trouble is the first. */
type SubsetTest = readonly [Placed, Placed];

/**
 * Which of the settings that a job asks for its culprit takes: the smallest part of them with which the culprit is new and
 * its parent old. Both are built and tried with each subset; where one does not build, or shows what neither end does, the
 * subset tells nothing.
 */
export class ConfigSearch {
  readonly culprit: CommitId;
  /** None when what the certificate showed is nothing to compare with. */
  readonly parent: CommitId | undefined;
  /** Lines of a config. */
  readonly settings: readonly string[];
  readonly #tests = new Map<string, SubsetTest>();
  /** The first check of a subset whose other one is still to come. */
  #half: Placed | undefined;
  #standing: Minimisation | undefined;
  /** Why it does not go on. */
  #givenUp: string | undefined;

  /** @param limit how many builds may be spent */
  constructor(
    { value }: FactOf<'minimising'>,
    private readonly limit: number,
  ) {
    this.culprit = commitId(value.culprit);
    this.parent = value.parent === '' ? undefined : commitId(value.parent);
    this.settings = value.settings;
  }

  /** Takes in a check; they come as `missing` gave them. */
  add(index: number, state: CheckState): void {
    const placed = { index, state };
    if (this.#half !== undefined) this.#tests.set(keyOf(state.check.settings), [this.#half, placed]);
    this.#half = this.#half === undefined ? placed : undefined;
    this.changed();
  }

  /** Something has come of a check. */
  changed(): void {
    this.#standing = undefined;
  }

  /** Ends it with what is known by now. */
  giveUp(reason: string): void {
    this.#givenUp = reason;
  }

  /** What a check asks of the configuration. */
  linesOf({ settings }: Check): string[] {
    return settings.map((place) => this.settings[place]!);
  }

  /** Checks that are wanted and not made yet. @param telling the end that shows the trouble */
  missing(telling: 'old' | 'new'): Check[] {
    const kind = CheckKind.CHECK_KIND_CONFIG;
    return this.#wanted
      .filter((subset) => !this.#tests.has(keyOf(subset)))
      .flatMap((subset) => {
        const sides = [
          { of: this.culprit, expected: Verdict.VERDICT_NEW },
          { of: this.parent!, expected: Verdict.VERDICT_OLD },
        ];
        if (telling === 'old') sides.reverse();
        return sides.map((side) =>
          Check.fromPartial({ ...side, kind, commit: side.of, settings: [...subset] }),
        );
      });
  }

  /**
   * Checks to be done now, by their places, the most telling first, never more than may still be built: where the trouble
   * has shown the other commit tells; where it is not known yet that one is tried when there is nothing better to do.
   */
  open(): number[] {
    const tests = this.#wanted.flatMap((subset) => {
      const test = this.#tests.get(keyOf(subset));
      return test === undefined ? [] : [test];
    });
    const shown = tests.filter(([first]) => first.state.result === PASS);
    const open = tests.filter(([first]) => first.state.result === OPEN);
    const order = [...shown.map(second), ...open.map(first), ...open.map(second)];
    return order
      .filter(({ state }) => state.result === OPEN)
      .slice(0, this.#left)
      .map(({ index }) => index);
  }

  /** What it has come to; undefined while there is more to test. */
  get result(): MinimalConfig | undefined {
    const { kind, subset } = this.#minimisation;
    const minimal = kind === 'minimal';
    if (!minimal && this.#wanted.length > 0) return undefined;
    const reason = minimal
      ? ''
      : this.parent === undefined
        ? 'the certificate could not try both the culprit and its parent'
        : (this.#givenUp ?? `the ${this.limit} builds that it may take are spent`);
    const needed = new Set(subset);
    const [settings, spared] = [true, false].map((isNeeded) =>
      this.settings.filter((_, place) => needed.has(place) === isNeeded),
    );
    return { settings: settings!, spared: spared!, minimal, reason };
  }

  /** How many of the settings are known to be enough so far. */
  get size(): number {
    return this.#minimisation.subset.length;
  }

  /** The check with all that is needed, of the culprit; undefined when nothing was tested that is less than all. */
  get best(): CheckState | undefined {
    const test = this.#tests.get(keyOf(this.#minimisation.subset));
    return test?.find(({ state }) => state.check.of === this.culprit)?.state;
  }

  /** What was seen without one of the settings that are needed: the check that has shown it. */
  without(setting: string): CheckState | undefined {
    const { subset } = this.#minimisation;
    const test = this.#tests.get(keyOf(subset.filter((place) => this.settings[place] !== setting)));
    const states = test?.map(({ state }) => state) ?? [];
    return states.find(({ result }) => result !== OPEN && result !== PASS);
  }

  /** Builds that may still be spent. */
  get #left(): number {
    const spent = [...this.#tests.values()].flat().reduce((sum, { state }) => sum + state.builds, 0);
    return Math.max(0, this.limit - spent);
  }

  /** Subsets to be tested now. */
  get #wanted(): readonly Subset[] {
    const minimisation = this.#minimisation;
    const goesOn = this.parent !== undefined && this.#givenUp === undefined && this.#left > 0;
    return goesOn && minimisation.kind === 'searching' ? minimisation.wanted : [];
  }

  get #minimisation(): Minimisation {
    const resultOf = (subset: Subset) => {
      const test = this.#tests.get(keyOf(subset));
      return test && resultOfTest(test);
    };
    return (this.#standing ??= ddmin(this.settings.length, resultOf, AT_ONCE));
  }
}

function keyOf(subset: Subset): string {
  return subset.join();
}

function first([one]: SubsetTest): Placed {
  return one;
}

function second([, other]: SubsetTest): Placed {
  return other;
}

function resultOfTest(test: SubsetTest): SubsetResult | undefined {
  const results = test.map(({ state }) => state.result);
  if (results.includes(FAIL)) return 'uninteresting';
  if (results.includes(CheckResult.CHECK_RESULT_NOT_POSSIBLE)) return 'unresolved';
  return results.includes(OPEN) ? undefined : 'interesting';
}
