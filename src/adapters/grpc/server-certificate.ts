import { X509Certificate } from 'node:crypto';
import { DispatcherError } from '../../domain/shared/errors.ts';

const LONGEST_PEM = 16_384;

/**
 * The certificate that a server declares for its data plane, in one spelling of PEM; empty stays empty.
 * Nothing but its form matters: it is trusted because the server's registration is.
 * @throws DispatcherError DSP_INVALID_ARGUMENT
 */
export function readServerCertificate(pem: string): string {
  if (pem === '') return '';
  try {
    if (pem.length <= LONGEST_PEM) return new X509Certificate(pem).toString();
  } catch {
    // Told below.
  }
  throw new DispatcherError(
    'DSP_INVALID_ARGUMENT',
    `certificate: must be a certificate in PEM, of ${LONGEST_PEM} characters at most: the one that the server shows at its address`,
    { param: 'certificate' },
  );
}
