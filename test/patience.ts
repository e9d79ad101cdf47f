/**
 * How long a test waits for what has to come: no measure of speed, just the end of a hang. A machine may have other things
 * to do, and be ten times as slow as the one where the test was written.
 */
export const patience = {
  testTimeout: 600_000,
  hookTimeout: 600_000,
  expect: { poll: { timeout: 120_000 } },
};
