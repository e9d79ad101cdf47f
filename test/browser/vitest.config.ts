import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['test/browser/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Frames are counted: nothing else runs beside.
    fileParallelism: false,
  },
});
