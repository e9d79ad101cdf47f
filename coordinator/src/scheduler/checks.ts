import { CheckKind, CheckResult, type Check } from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId } from '@kbisect/shared/ids';

/** Whether the culprit is not named when such a check fails. */
export function certifies(kind: CheckKind): boolean {
  switch (kind) {
    case CheckKind.CHECK_KIND_CULPRIT:
    case CheckKind.CHECK_KIND_PARENT:
    case CheckKind.CHECK_KIND_REVERT:
      return true;
    case CheckKind.CHECK_KIND_PAIR:
    case CheckKind.CHECK_KIND_BACKPORT:
    case CheckKind.CHECK_KIND_CONFIG:
    case CheckKind.CHECK_KIND_UNSPECIFIED:
      return false;
  }
}

/** What a check asks, in a few words. */
export function describeCheck({ kind, of, onto, name, settings }: Check): string {
  const where = name === '' ? shortId(onto) : name;
  switch (kind) {
    case CheckKind.CHECK_KIND_CULPRIT:
      return `${shortId(of)}, built anew, is new`;
    case CheckKind.CHECK_KIND_PARENT:
      return `its parent ${shortId(of)} is old`;
    case CheckKind.CHECK_KIND_REVERT:
      return `${where} with ${shortId(of)} reverted is old`;
    case CheckKind.CHECK_KIND_PAIR:
      return `${shortId(of)} merged with ${shortId(onto)}`;
    case CheckKind.CHECK_KIND_BACKPORT:
      return `${shortId(of)} picked on ${where}`;
    case CheckKind.CHECK_KIND_CONFIG:
      return `${shortId(of)} with ${settings.length === 1 ? '1 setting' : `${settings.length} settings`}`;
    case CheckKind.CHECK_KIND_UNSPECIFIED:
      return 'an unknown check';
  }
}

/** A check's result as people read it. */
export function resultWord(result: CheckResult): 'PASS' | 'FAIL' | 'not possible' | 'open' {
  switch (result) {
    case CheckResult.CHECK_RESULT_PASS:
      return 'PASS';
    case CheckResult.CHECK_RESULT_FAIL:
      return 'FAIL';
    case CheckResult.CHECK_RESULT_NOT_POSSIBLE:
      return 'not possible';
    case CheckResult.CHECK_RESULT_UNSPECIFIED:
      return 'open';
  }
}
