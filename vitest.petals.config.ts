import { defineConfig } from 'vitest/config';

/** Tests against real PETALS servers, in a Python environment that the first run makes: `npm run test:petals`. */
export default defineConfig({
  test: {
    include: ['test/petals/**/*.test.ts'],
    globalSetup: ['test/petals/support/make-environment.ts'],
    // A server starts in 7 to 18 s, and no more than three run at once.
    fileParallelism: false,
    testTimeout: 120_000,
    // Polls are quick where all is well; a machine under load gets its time.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 300_000,
  },
});
