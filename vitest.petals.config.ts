import { defineConfig } from 'vitest/config';

/** Tests against real PETALS servers, in a Python environment that the first run makes: `npm run test:petals`. */
export default defineConfig({
  test: {
    include: ['test/petals/**/*.test.ts'],
    globalSetup: ['test/petals/support/make-environment.ts'],
    // Most of the time servers start, each on one core. Two files at once are six servers at most, 3 GB.
    maxWorkers: 2,
    testTimeout: 240_000,
    // Polls are quick where all is well; a machine under load gets its time.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 300_000,
  },
});
