import { defineConfig } from 'vitest/config';
import { patience } from '../../patience.js';

/** Thousands of writes, kills and flipped bits: minutes on a busy machine. */
export default defineConfig({
  test: {
    ...patience,
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
  },
});
