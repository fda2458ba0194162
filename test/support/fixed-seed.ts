import { fc } from '@fast-check/vitest';

/** Property tests draw the same cases in every run; `TEST_SEED=N` tries others. */
fc.configureGlobal({ seed: Number(process.env['TEST_SEED'] ?? 20_260_414) });
