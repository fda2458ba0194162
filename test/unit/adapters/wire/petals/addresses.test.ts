import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { base58Of, bytesOfBase58 } from '../../../../../src/adapters/wire/petals/base58.ts';
import { multiaddrText } from '../../../../../src/adapters/wire/petals/multiaddr-text.ts';
import { parsePeerAddress } from '../../../../../src/adapters/wire/petals/peer-address.ts';

const PEER = 'QmXyAQSYVwR6rrWcgv9W6LVNYr1YZooG7gdWpMvrmr7NVG';

describe('addresses of PETALS servers', () => {
  it('reads a peer id and writes it again', () => {
    expect(base58Of(bytesOfBase58(PEER) as Uint8Array)).toBe(PEER);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 66 }), (bytes) => {
        expect([...(bytesOfBase58(base58Of(bytes) as string) as Uint8Array)]).toEqual([...bytes]);
      }),
      { seed: 4, numRuns: 100 },
    );
    expect(bytesOfBase58('0OIl')).toBeUndefined();
    expect(bytesOfBase58('1'.repeat(1_000))).toBeUndefined();
  });

  it.each([
    [`/ip4/10.0.0.7/tcp/31337/p2p/${PEER}`, true],
    [`/ip6/::1/tcp/31337/p2p/${PEER}`, true],
    [`/dns4/example.org/tcp/31337/p2p/${PEER}`, true],
    [`/ip4/10.0.0.7/tcp/0/p2p/${PEER}`, false],
    [`/ip4/10.0.0.7/tcp/99999/p2p/${PEER}`, false],
    [`/ip4/10.0.0.7/udp/31337/quic/p2p/${PEER}`, false],
    [`/ip4/10.0.0.7/tcp/31337/p2p/${PEER}/p2p-circuit`, false],
    ['/ip4/10.0.0.7/tcp/31337', false],
    ['10.0.0.7:31337', false],
    [`/unix/tmp/socket/p2p/${PEER}`, false],
  ])('takes or leaves %s', (address, isTaken) => {
    expect(parsePeerAddress(address) !== undefined).toBe(isTaken);
  });

  it('reads binary multiaddrs of TCP peers and no others', () => {
    expect(multiaddrText(Buffer.from('047f000001067a69', 'hex'))).toBe('/ip4/127.0.0.1/tcp/31337');
    expect(multiaddrText(Buffer.from(`29${'00'.repeat(15)}01067a69`, 'hex'))).toBe('/ip6/::1/tcp/31337');
    expect(multiaddrText(Buffer.from('360b6578616d706c652e6f7267067a69', 'hex'))).toBe('/dns4/example.org/tcp/31337');
    expect(multiaddrText(Buffer.from('047f00000191027a69', 'hex'))).toBeUndefined();
    expect(multiaddrText(Buffer.from('047f00', 'hex'))).toBeUndefined();
    expect(multiaddrText(Buffer.alloc(1_000, 0xff))).toBeUndefined();
  });
});
