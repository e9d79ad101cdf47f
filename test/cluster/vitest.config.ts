import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['test/cluster/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
});
