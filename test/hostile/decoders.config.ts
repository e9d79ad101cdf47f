import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/hostile/decoders.test.ts'],
    execArgv: ['--expose-gc'],
    testTimeout: 3_600_000,
  },
});
