import { KbisectError } from '@kbisect/shared/errors';
import { NewWhen_Kind, type NewWhen } from '@kbisect/shared/gen/kbisect/v1/job';
import { Pattern } from '@kbisect/shared/pattern';

const KINDS: Readonly<Record<string, NewWhen_Kind>> = {
  fail: NewWhen_Kind.KIND_FAIL,
  crash: NewWhen_Kind.KIND_CRASH,
  hang: NewWhen_Kind.KIND_HANG,
  output: NewWhen_Kind.KIND_OUTPUT,
};

/**
 * What `--new-when` says: fail, crash, hang, crash=REGEX or output=REGEX.
 * @throws KbisectError `invalid-argument`
 */
export function newWhenOf(text: string | undefined): NewWhen | undefined {
  if (text === undefined) return undefined;
  const at = text.indexOf('=');
  const word = at < 0 ? text : text.slice(0, at);
  const pattern = at < 0 ? '' : text.slice(at + 1);
  const kind = KINDS[word];
  const takesPattern = word === 'crash' || word === 'output';
  if (kind === undefined || (at >= 0 && (!takesPattern || pattern === '')) || (at < 0 && word === 'output')) {
    throw new KbisectError(
      'invalid-argument',
      `--new-when ${text}: it is fail, crash, hang, crash=REGEX or output=REGEX`,
    );
  }
  if (pattern !== '') new Pattern(pattern);
  return { kind, pattern };
}
