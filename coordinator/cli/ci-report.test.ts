import { describe, expect, it } from 'vitest';
import { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { JobState, Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { annotation, junitXml } from './ci-report.js';

const job = (mode: Mode, more: Partial<Job>) =>
  Job.fromPartial({ id: 'j1', title: 'linux <v1>..v2', spec: { mode }, seconds: 12.5, ...more });
const found = {
  state: JobState.JOB_STATE_FOUND,
  culprit: 'a'.repeat(40),
  culpritSubject: 'sg: "fix" it & more',
};

describe('a pipeline', () => {
  it('fails by a regression that was found, and is told by which commit', () => {
    const broken = job(Mode.MODE_REGRESSION, found);
    expect(junitXml(broken)).toContain(
      `<failure type="first bad commit" message="first bad commit: ${'a'.repeat(40)} sg: &quot;fix&quot; it &amp; more"/>`,
    );
    expect(junitXml(broken)).toContain('tests="1" failures="1" errors="0" skipped="0" time="12.500"');
    expect(junitXml(broken)).toContain('name="linux &lt;v1&gt;..v2"');
    expect(annotation(broken)).toBe(
      `::error title=kbisect%3A first bad commit::${'a'.repeat(40)} sg: "fix" it & more`,
    );
  });

  it('passes by a fix that was found', () => {
    const mended = job(Mode.MODE_FIX, found);
    expect(junitXml(mended)).toContain('failures="0" errors="0" skipped="0"');
    expect(annotation(mended)).toMatch(/^::notice title=kbisect%3A first fixed commit::a{40} /);
  });

  it('has an error where there is no culprit, in one line whatever the reason is', () => {
    const none = job(Mode.MODE_REGRESSION, {
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: '100 %\nflaky\u0007',
    });
    expect(junitXml(none)).toContain(
      '<error type="no-difference" message="no-difference: 100 %&#10;flaky\ufffd"/>',
    );
    expect(annotation(none)).toContain('::error title=kbisect%3A no-difference::100 %25%0Aflaky');
    const cancelled = job(Mode.MODE_REGRESSION, { state: JobState.JOB_STATE_CANCELLED });
    expect(junitXml(cancelled)).toContain('<skipped ');
  });
});
