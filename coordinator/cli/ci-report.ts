import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { JobState, Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { termsOf } from '../src/report/terms.js';
import { stateWord } from '../src/scheduler/job-state.js';
import { resultText } from './job-result.js';

/** What a job's end means to a pipeline: a commit that broke something fails it, one that mends it is good news. */
function meaningOf({ state, spec, culprit, culpritSubject, reason }: Job): {
  readonly kind: 'failure' | 'pass' | 'skipped' | 'error';
  readonly title: string;
  readonly words: string;
} {
  const mode = spec?.mode ?? Mode.MODE_ANY;
  if (state === JobState.JOB_STATE_FOUND) {
    const kind = mode === Mode.MODE_FIX ? 'pass' : 'failure';
    return { kind, title: `first ${termsOf(mode).new} commit`, words: `${culprit} ${culpritSubject}` };
  }
  const kind = state === JobState.JOB_STATE_CANCELLED ? 'skipped' : 'error';
  return { kind, title: stateWord(state), words: reason };
}

/** A job's end as JUnit's XML: one suite with one test case, the bisection. */
export function junitXml(job: Job): string {
  const { kind, title, words } = meaningOf(job);
  const counted = { failures: kind === 'failure', errors: kind === 'error', skipped: kind === 'skipped' };
  const counts = Object.entries(counted).map(([name, is]) => `${name}="${is ? 1 : 0}"`);
  const outcome =
    kind === 'pass' ? '' : `<${kind} type="${xml(title)}" message="${xml(`${title}: ${words}`)}"/>\n    `;
  const time = `time="${job.seconds.toFixed(3)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="kbisect" tests="1" ${counts.join(' ')} ${time}>
    <testcase classname="kbisect" name="${xml(job.title || job.id)}" ${time}>
    ${outcome}<system-out>${xml(resultText(job))}</system-out>
    </testcase>
  </testsuite>
</testsuites>
`;
}

/** A job's end as a workflow command of GitHub's, which other systems read too. */
export function annotation(job: Job): string {
  const { kind, title, words } = meaningOf(job);
  const level = { failure: 'error', pass: 'notice', skipped: 'warning', error: 'error' }[kind];
  const escaped = (text: string) =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const name = escaped(`kbisect: ${title}`).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${level} title=${name}::${escaped(words)}`;
}

/** Text in XML; what XML cannot have, such as most control characters, is replaced. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
