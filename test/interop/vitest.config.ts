import { defineConfig } from 'vitest/config';

/** Programs that nobody here wrote, against our cache; one at a time. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    testTimeout: 5 * 60_000,
    hookTimeout: 10 * 60_000,
    fileParallelism: false,
  },
});
