import { defineConfig } from 'vitest/config';
import { patience } from './test/patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['{shared,agent,coordinator,deploy,test}/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      'test/kernel/**',
      'test/kills/**',
      'test/cluster/**',
      'test/partition/**',
      'test/browser/**',
      'test/terminal/**',
      'test/hostile/**',
      'test/interop/**',
      'test/cache/faults/**',
    ],
    // Most tests wait for processes of their own: one worker for all processors would leave half of two idle.
    maxWorkers: '100%',
  },
});
