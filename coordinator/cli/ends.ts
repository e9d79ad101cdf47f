import { KbisectError } from '@kbisect/shared/errors';
import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';

/** The options that name the two ends of a range, as the command line gives them. */
export interface EndOptions {
  readonly good?: readonly string[];
  readonly bad?: string;
  readonly broken?: readonly string[];
  readonly fixed?: string;
  readonly old?: readonly string[];
  readonly new?: string;
}

/** The two ends of a range: what to look for, and the revisions as the user wrote them. */
export interface Ends {
  readonly mode: Mode;
  readonly olds: readonly string[];
  readonly new: string;
}

/**
 * The ends that the options name.
 * @throws KbisectError `invalid-argument` unless exactly one pair of options is there, and whole
 */
export function endsOf(options: EndOptions): Ends {
  const families = [
    { mode: Mode.MODE_REGRESSION, old: 'good', new: 'bad', olds: options.good, neu: options.bad },
    { mode: Mode.MODE_FIX, old: 'broken', new: 'fixed', olds: options.broken, neu: options.fixed },
    { mode: Mode.MODE_ANY, old: 'old', new: 'new', olds: options.old, neu: options.new },
  ] as const;
  const named = families.filter(({ olds, neu }) => olds !== undefined || neu !== undefined);
  const [family] = named;
  if (family === undefined) {
    throw new KbisectError(
      'invalid-argument',
      'say where to look: --good REV... --bad REV, or --broken REV... --fixed REV, or --old REV... --new REV',
    );
  }
  if (named.length > 1) {
    const pairs = named.map((one) => `--${one.old}/--${one.new}`).join(' and ');
    throw new KbisectError('invalid-argument', `${pairs} do not go together: give one pair`);
  }
  if (family.olds === undefined || family.olds.length === 0) {
    throw new KbisectError('invalid-argument', `--${family.new} needs --${family.old} REV... beside it`);
  }
  if (family.neu === undefined) {
    throw new KbisectError('invalid-argument', `--${family.old} needs --${family.new} REV beside it`);
  }
  return { mode: family.mode, olds: family.olds, new: family.neu };
}
