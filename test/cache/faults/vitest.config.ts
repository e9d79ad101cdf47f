import { defineConfig } from 'vitest/config';

/** Thousands of writes, kills and flipped bits: minutes on a busy machine. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    testTimeout: 10 * 60_000,
  },
});
