import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

/** Real kernels take minutes to build: one file, no limit that a slow machine would meet. */
export default defineConfig({
  test: {
    ...patience,
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    testTimeout: 50 * 60_000,
    hookTimeout: 15 * 60_000,
    // The tests tell one story: each goes on where the one before ended.
    bail: 1,
    // A build has the machine for itself.
    fileParallelism: false,
  },
});
