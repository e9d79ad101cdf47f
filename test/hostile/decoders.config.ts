import { defineConfig } from 'vitest/config';
import { patience } from '../patience.js';

export default defineConfig({
  test: {
    ...patience,
    include: ['test/hostile/decoders.test.ts'],
    execArgv: ['--expose-gc'],
    testTimeout: 3_600_000,
  },
});
