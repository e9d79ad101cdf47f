import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{shared,agent,coordinator,deploy,test}/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      'test/kernel/**',
      'test/kills/**',
      'test/interop/**',
      'test/cache/faults/**',
    ],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
