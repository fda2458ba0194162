import { expect, it } from 'vitest';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import { INFO, infoAnswer, startScriptedPetalsPeer } from '../support/scripted-petals-peer.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

it('keeps a connection that is still being made when a question over it ran out of time', async () => {
  const info = infoAnswer({ version: '2.2.0.post1', cache_tokens_available: 5 });
  const peer = await startScriptedPetalsPeer({ [INFO]: (stream) => void stream.send(info) });
  const port = Number(/\/tcp\/(\d+)/.exec(peer.address)?.[1]);
  const proxy = await TcpProxy.start({ targetPort: port });
  const network = new PetalsNetwork();
  try {
    const address = peer.address.replace(`/tcp/${port}`, `/tcp/${proxy.port}`);
    proxy.pause();
    await expect(askServerInfo(network, address, '', 300)).rejects.toMatchObject({ code: 'DSP_STEP_TIMEOUT' });
    const patient = askServerInfo(network, address, '', 15_000);
    proxy.resume();
    await expect(patient).resolves.toMatchObject({ version: expect.any(String) });
    expect(proxy.accepted).toBe(1);
  } finally {
    await network.close();
    await peer.close();
    await proxy.close();
  }
});
