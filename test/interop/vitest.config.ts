import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

/** Programs that nobody here wrote, against our cache; one at a time. */
export default defineConfig({
  test: {
    ...patience,
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    fileParallelism: false,
  },
});
