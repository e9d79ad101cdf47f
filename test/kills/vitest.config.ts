import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/kills/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
  },
});
