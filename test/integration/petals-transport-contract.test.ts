import { expect, it } from 'vitest';
import { createPetalsTransport } from '../../src/adapters/chain-transport/petals/transport.ts';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { OpenChainRequest } from '../../src/application/ports/chain-transport.ts';
import { describeChainRecovery } from '../contract/chain-recovery.ts';
import { type ChainTransportRig, describeChainTransport } from '../contract/chain-transport.ts';
import { expectedAddend, MemoryBlockHost } from '../support/memory-block-host.ts';
import { startPetalsBlockServer } from '../support/petals-block-server.ts';

interface PetalsRig extends ChainTransportRig {
  readonly pushes: () => number;
}

async function startRig(hosts: readonly BlockHost[]): Promise<PetalsRig> {
  const between = new PetalsNetwork();
  const places = new Map<string, string>();
  const servers = await Promise.all(
    hosts.map((host) => startPetalsBlockServer(host, between, (peerId) => places.get(peerId))),
  );
  for (const { peerId, address } of servers) places.set(peerId, address);
  const network = new PetalsNetwork();
  // Time limits of the suite are for steps, not for first connections.
  await Promise.all(
    servers.flatMap(({ address }) => [network, between].map((each) => askServerInfo(each, address, '', 5_000))),
  );
  const transport = createPetalsTransport({ dhtPrefix: 'x', network });
  return {
    transport,
    addresses: servers.map((server) => server.address),
    pushes: () => servers.reduce((sum, server) => sum + server.pushes(), 0),
    close: async () => {
      await transport.close();
      await network.close();
      await between.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** PETALS names no model and reports no compute times. */
describeChainTransport('PETALS', startRig, { isModelNamed: false, isComputeTold: false });
describeChainRecovery('PETALS', startRig, 3);

/** Three servers of two blocks, and a session over them that is pushed through. */
async function openPushed(recovery?: OpenChainRequest['recovery']) {
  const hosts = [0, 1, 2].map((i) => new MemoryBlockHost({ hosted: { firstBlock: 2 * i, blockCount: 2 }, stepMs: 5 }));
  const rig = await startRig(hosts);
  const hops = rig.addresses.map((address, i) => ({ serverId: `s${i}`, address, firstBlock: 2 * i, blockCount: 2 }));
  const request: OpenChainRequest = {
    sessionId: 'pushed',
    modelId: 'test-model',
    hiddenSize: 4,
    planEpoch: 1,
    hops,
    maxTokens: 50,
    prompt: { tokens: 2, steps: 1 },
    stepTimeoutMs: 2_000,
    ...(recovery === undefined ? {} : { recovery }),
  };
  const session = await rig.transport.open(request, new AbortController().signal);
  return { hosts, rig, hops, session };
}

const row = (first: number): Float32Array => Float32Array.of(first, 0, 1, 2);
const SUM = expectedAddend({ firstBlock: 0, blockCount: 6 });

it('pushes from server to server, one step at a time', async () => {
  const { hosts, rig, session } = await openPushed();
  const opened = rig.pushes();
  expect(opened).toBe(3);
  const answers = await Promise.all([1, 2, 3, 4].map((i) => session.forward(row(i), 1, 1)));
  expect(answers).toEqual([1, 2, 3, 4].map((i) => row(i).map((value) => value + SUM)));
  expect(rig.pushes() - opened).toBe(8);
  expect(hosts.map((host) => host.stepsRun)).toEqual([4, 4, 4]);
  session.close();
  await expect.poll(() => hosts.map((host) => host.usage().sessions), { timeout: 10_000 }).toEqual([0, 0, 0]);
  await rig.close();
});

it('loses the servers behind one that is gone from a pushed session, and goes on hop by hop', async () => {
  const { rig, hops, session, hosts } = await openPushed({
    firstInputs: (position) => row(position),
    memory: { take: () => true, give: () => undefined },
    replayTokens: 16,
    suspended: () => undefined,
  });
  expect(await session.forward(row(0), 1, 1)).toEqual(row(0).map((value) => value + SUM));
  session.detach();
  expect(session.failures().map(({ index }) => index)).toEqual([0, 1, 2]);
  await session.replaceHops(0, 3, { sessionId: 'again', planEpoch: 2, hops });
  const pushed = rig.pushes();
  expect(await session.forward(row(1), 1, 1)).toEqual(row(1).map((value) => value + SUM));
  expect(rig.pushes()).toBe(pushed);
  // The first step was replayed, and the second one came once.
  expect(hosts.map((host) => host.stepsRun)).toEqual([3, 3, 3]);
  session.close();
  await rig.close();
});
