import type { EventView } from '@kbisect/coordinator/http/dashboard/views';
import { count, short } from './words.js';

/** A commit, what is said of it, and how the line looks. */
export interface EventWords {
  readonly commit?: string | undefined;
  readonly words: string;
  readonly look?: 'old' | 'new' | 'skipped' | undefined;
}

/** An event of the journal in words; undefined where there is nothing to say. */
export function eventWords(
  event: EventView,
  terms: { readonly old: string; readonly new: string },
): EventWords | undefined {
  const {
    started,
    leased,
    leaseEnded,
    built,
    judged,
    marked,
    rerun,
    collapsed,
    refuted,
    mended,
    checking,
    checked,
    minimising,
    ended,
  } = event;
  if (started) return { words: `the range has ${count(started.candidates ?? 0, 'commit')}` };
  if (leased) return { commit: leased.commit, words: `is tested by ${leased.agent}` };
  if (leaseEnded?.reason === 'LEASE_END_EXPIRED')
    return { words: `an agent was not heard of any more: ${leaseEnded.detail ?? ''}` };
  if (leaseEnded?.reason === 'LEASE_END_RETURNED')
    return { words: `an agent gave a test back: ${leaseEnded.detail ?? ''}` };
  if (built?.failure) return { commit: built.commit, words: `does not build: ${built.failure}` };
  if (judged) {
    const [word, look] = verdictWord(judged.verdict, terms);
    return { commit: judged.commit, words: `is ${word}${judged.reason ? ` (${judged.reason})` : ''}`, look };
  }
  if (marked) {
    const [word, look] = verdictWord(marked.verdict, terms);
    return { commit: marked.commit, words: `is marked ${word} by ${marked.by ?? ''}`, look };
  }
  if (rerun) return { commit: rerun.commit, words: `is tried again, as ${rerun.by ?? ''} wishes` };
  if (collapsed)
    return {
      words: `${count(collapsed.commits ?? 0, 'commit')} give ${count(collapsed.classes ?? 0, 'different image')}`,
    };
  if (refuted)
    return {
      commit: refuted.one,
      words: `was taken to give the image of ${short(refuted.other)} and does not`,
    };
  if (mended)
    return {
      words: `commits that fail with "${mended.failureSignature ?? ''}" are tested with ${short(mended.fixup ?? 'nothing')} picked`,
    };
  if (checking?.checks?.every(({ kind }) => kind === 'CHECK_KIND_CONFIG'))
    return { words: `${count(checking.checks.length / 2, 'configuration')} to be tried` };
  if (checking)
    return { commit: checking.culprit, words: 'is what is left: it is checked before it is named' };
  if (checked)
    return {
      words: `a check: ${(checked.result ?? '').replace('CHECK_RESULT_', '').toLowerCase()} (${checked.detail ?? ''})`,
    };
  if (minimising)
    return {
      commit: minimising.culprit,
      words: `is certified; which of ${count(minimising.settings?.length ?? 0, 'setting')} it takes is found out`,
    };
  if (ended)
    return { commit: ended.culprit, words: `the job ends: ${stateWord(ended.state)} ${ended.reason ?? ''}` };
  return undefined;
}

export function verdictWord(
  verdict: string,
  terms: { readonly old: string; readonly new: string },
): readonly [string, 'old' | 'new' | 'skipped'] {
  if (verdict === 'VERDICT_OLD') return [terms.old, 'old'];
  return verdict === 'VERDICT_NEW' ? [terms.new, 'new'] : ['skipped', 'skipped'];
}

function stateWord(state: string): string {
  return state.replace('JOB_STATE_', '').toLowerCase().replaceAll('_', ' ');
}
