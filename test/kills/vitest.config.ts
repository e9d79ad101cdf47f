import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['test/kills/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 3_600_000,
  },
});
