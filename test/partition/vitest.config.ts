import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/partition/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
