import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/hostile/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/hostile/decoders.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
