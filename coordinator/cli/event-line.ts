import type { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { CheckKind, LeaseEnd, type JobEvent, type Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId } from '@kbisect/shared/ids';
import { describeCheck, resultWord } from '../src/scheduler/checks.js';
import { describeOutcome } from '../src/scheduler/oracle.js';
import type { Paint } from './paint.js';
import { printable } from './printable.js';
import { configAfter, modeOf, type Progress } from './progress.js';
import { count, duration, verdictWord } from './words.js';

/** A line about an event. */
export interface EventLine {
  readonly text: string;
  /** Worth keeping above a live display, which shows the rest by itself. */
  readonly lasting: boolean;
}

/**
 * What to say of an event, if it is worth a line.
 * @param before the job before the event
 * @param subject of the commit judged, where it is known
 */
export function eventLine(
  before: Progress,
  { fact }: JobEvent,
  paint: Paint,
  subject?: string,
): EventLine | undefined {
  const passing = (text: string) => ({ text, lasting: false });
  const lasting = (text: string) => ({ text, lasting: true });
  switch (fact?.$case) {
    case 'submitted':
      return lasting(`job ${fact.value.job}: ${printable(fact.value.spec?.title ?? '')}`);
    case 'started':
      return lasting(`the range has ${count(fact.value.candidates, 'commit')}; the ends are proved first`);
    case 'leased':
      return passing(`${fact.value.agent} tests ${shortId(fact.value.commit)}`);
    case 'leaseEnded': {
      const work = before.work.get(fact.value.lease);
      if (work === undefined) return undefined;
      const { agent, commit } = work;
      const detail = fact.value.detail === '' ? '' : `: ${printable(fact.value.detail)}`;
      switch (fact.value.reason) {
        case LeaseEnd.LEASE_END_WITHDRAWN:
          return passing(`${agent} leaves ${shortId(commit)}: it can teach nothing more`);
        case LeaseEnd.LEASE_END_EXPIRED:
          return lasting(`${agent} was not heard of any more; ${shortId(commit)} goes elsewhere${detail}`);
        case LeaseEnd.LEASE_END_UNFIT:
        case LeaseEnd.LEASE_END_RETURNED:
          return lasting(`${agent} gave ${shortId(commit)} back${detail}`);
        case LeaseEnd.LEASE_END_DONE:
        case LeaseEnd.LEASE_END_UNSPECIFIED:
          return undefined;
      }
    }
    // eslint-disable-next-line no-fallthrough -- every reason above returns
    case 'built': {
      const { commit, image, failure, cached, seconds } = fact.value;
      if (image === undefined) return passing(`${shortId(commit)} does not build: ${printable(failure)}`);
      const how = cached ? 'its image was in the cache' : `built in ${duration(seconds)}`;
      return passing(`${shortId(commit)} ${how}`);
    }
    case 'tried': {
      const { commit, outcome, seconds } = fact.value;
      const shown = outcome ? printable(describeOutcome(outcome)) : 'no outcome';
      return passing(`${shortId(commit)} ${shown}, in ${duration(seconds)}`);
    }
    case 'judged': {
      const { commit, verdict, reason } = fact.value;
      const what = subject ? ` ${printable(subject)}` : '';
      const why = reason === '' ? '' : ` (${printable(reason)})`;
      return lasting(`${shortId(commit)} ${paintVerdict(modeOf(before), verdict, paint)}${what}${why}`);
    }
    case 'marked': // the verdict that follows says so
      return undefined;
    case 'rerun': {
      const { commit, by } = fact.value;
      return lasting(`${shortId(commit)} is tried again, as ${printable(by)} wishes`);
    }
    case 'collapsed': {
      const { classes, commits } = fact.value;
      return lasting(
        `${count(commits, 'commit')} of the range and its ends give ${count(classes, 'different image')}`,
      );
    }
    case 'refuted': {
      const pair = `${shortId(fact.value.one)} and ${shortId(fact.value.other)}`;
      return lasting(`${pair} were taken for one image and are not: what they differ in counts from now on`);
    }
    case 'mended': {
      const { failureSignature, fixup } = fact.value;
      return lasting(
        `commits that fail with "${printable(failureSignature)}" are tested with ${shortId(fixup)} picked`,
      );
    }
    case 'checking': {
      const { culprit, checks } = fact.value;
      if (checks.every(({ kind }) => kind === CheckKind.CHECK_KIND_CONFIG))
        return passing(`${count(checks.length / 2, 'configuration')} to be tried`);
      return checks.every(({ kind }) => kind === CheckKind.CHECK_KIND_PAIR)
        ? passing(`${count(checks.length, 'merge')} of the sides of ${shortId(culprit)} to be tried`)
        : lasting(`${shortId(culprit)} is what is left: it is checked before it is named`);
    }
    case 'checked': {
      const check = before.checks[fact.value.check];
      const what = check === undefined ? 'a check' : describeCheck(check);
      const text = `${resultWord(fact.value.result)}: ${what} (${printable(fact.value.detail)})`;
      if (check?.kind !== CheckKind.CHECK_KIND_CONFIG) return lasting(text);
      const config = configAfter(before, check, fact.value.result);
      return config !== undefined && config.enough < (before.config?.enough ?? 0)
        ? lasting(`${config.enough} of ${count(config.all, 'setting')} are enough`)
        : passing(text);
    }
    case 'minimising': {
      const { culprit, settings } = fact.value;
      return lasting(
        `${shortId(culprit)} is certified; which of ${count(settings.length, 'setting')} it takes is found out`,
      );
    }
    case 'ended':
    case undefined:
      return undefined;
  }
}

function paintVerdict(mode: Mode, verdict: Verdict, paint: Paint): string {
  const word = verdictWord(mode, verdict);
  switch (word) {
    case 'good':
    case 'fixed':
      return paint('green', word);
    case 'bad':
    case 'broken':
      return paint('red', word);
    case 'skip':
      return paint('yellow', word);
    default:
      return paint('cyan', word);
  }
}
