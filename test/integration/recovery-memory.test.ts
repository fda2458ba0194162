import { afterEach, describe, expect, it } from 'vitest';
import { type HarnessServer, SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };

/** Long enough for 19 pieces, and for what the hops were fed to exceed a small memory early. */
const PROMPT = Array.from({ length: 300 }, (_, i) => 40 + (i % 200));

const REQUEST = { model: 'default', prompt: PROMPT, max_tokens: 20, temperature: 0.7, seed: 5 };

/** Bytes in which a server holds three of the six blocks, and the caches of two such requests. */
const HALF = 8_800_000;

describe('a server that dies late in a long prompt', () => {
  let swarm: SwarmHarness;

  afterEach(() => swarm.stop());

  it.each([
    ['with what hops were fed', 268_435_456],
    ['from the tokens, where memory for that ran out', 10_000],
    ['from the tokens, where there is no memory for that', 0],
  ])('is replaced %s, and the text is that of an undisturbed run', async (_, historyBytes) => {
    swarm = await SwarmHarness.start({
      'recovery.history_bytes': historyBytes,
      'model.prefill_chunk_tokens': 16,
      'scheduling.cache': 'slots',
    });
    let breaksAt = Number.POSITIVE_INFINITY;
    let broken: string | undefined;
    const steps = new Map<string, number>();
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const servers = new Map<string, HarnessServer>();
    await Promise.all(
      ids.map(async (id) => {
        const server = await swarm.addServer(id, {
          memoryBytes: HALF,
          remembers: true,
          spoil: (output) => {
            steps.set(id, (steps.get(id) ?? 0) + 1);
            // Only a second hop: the inputs of the first one can always be made of the tokens.
            const isSecond = (servers.get(id)?.host.hosted()?.firstBlock ?? 0) > 0;
            if (broken === undefined && isSecond && (steps.get(id) ?? 0) >= breaksAt) broken = id;
            if (broken === id) throw new Error('the server broke');
            return output;
          },
        });
        servers.set(id, server);
      }),
    );
    await expect
      .poll(async () => Object.values(await swarm.servers()).filter((s) => s.state === 'serving').length, SOON)
      .toBe(ids.length);
    const { choices: undisturbed } = (await (await swarm.post('/v1/completions', REQUEST)).json()) as {
      choices: { text: string }[];
    };
    steps.clear();
    breaksAt = 17;
    const { choices } = (await (await swarm.post('/v1/completions', REQUEST)).json()) as {
      choices: { text: string }[];
    };
    expect(broken).toBeDefined();
    expect(choices).toEqual(undisturbed);
    expect(await swarm.metric('daisychain_failovers_total{outcome="continued"')).toBe(1);
    for (const { host } of servers.values()) await expect.poll(() => host.usage().sessions, SOON).toBe(0);
  });
});
