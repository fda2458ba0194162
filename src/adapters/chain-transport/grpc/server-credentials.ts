import { X509Certificate } from 'node:crypto';
import { createSecureContext, type PeerCertificate } from 'node:tls';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/**
 * How a server is talked to: without TLS, or with it and with exactly the certificate that the server
 * registered. Names and authorities do not matter then: whoever holds the key of that certificate is the
 * one who joined, wherever the swarm reaches it.
 * @param certificate PEM, as validated at the join
 */
export function credentialsFor(certificate: string | undefined): ChannelCredentials {
  if (certificate === undefined) return credentials.createInsecure();
  const expected = new X509Certificate(certificate).raw;
  // A certificate that an authority has signed is not its own root, and has to be taken for one here.
  const context = createSecureContext({ ca: certificate, allowPartialTrustChain: true, minVersion: 'TLSv1.2' });
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: (_host: string, shown: PeerCertificate) =>
      shown.raw.equals(expected) ? undefined : new Error('the server shows another certificate than it registered'),
  });
}
