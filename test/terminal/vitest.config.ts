import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['test/terminal/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
});
