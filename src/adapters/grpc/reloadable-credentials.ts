import { experimental, type ServerCredentials } from '@grpc/grpc-js';

/** PEM texts. */
export interface GrpcTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities: peers must show a certificate of one of them. Undefined: peers show none. */
  readonly clientCa: Buffer | undefined;
}

type Listener<Update> = (update: Update | null) => void;

/** A certificate that can be changed while the server runs: new connections get the new one, open ones go on. */
export class ReloadableCredentials {
  readonly credentials: ServerCredentials;
  readonly #identityListeners = new Set<Listener<experimental.IdentityCertificateUpdate>>();
  readonly #caListeners = new Set<Listener<experimental.CaCertificateUpdate>>();
  #tls: GrpcTls;

  constructor(tls: GrpcTls) {
    this.#tls = tls;
    const provider: experimental.CertificateProvider = {
      addCaCertificateListener: (listener) => {
        this.#caListeners.add(listener);
        process.nextTick(() => listener(this.#ca));
      },
      removeCaCertificateListener: (listener) => this.#caListeners.delete(listener),
      addIdentityCertificateListener: (listener) => {
        this.#identityListeners.add(listener);
        process.nextTick(() => listener(this.#identity));
      },
      removeIdentityCertificateListener: (listener) => this.#identityListeners.delete(listener),
    };
    this.credentials = experimental.createCertificateProviderServerCredentials(
      provider,
      tls.clientCa === undefined ? null : provider,
      tls.clientCa !== undefined,
    );
  }

  /** Whether peers must show a certificate stays as it was at the start. */
  replace(tls: GrpcTls): void {
    this.#tls = tls;
    for (const listener of this.#identityListeners) listener(this.#identity);
    for (const listener of this.#caListeners) listener(this.#ca);
  }

  get #identity(): experimental.IdentityCertificateUpdate {
    return { certificate: this.#tls.cert, privateKey: this.#tls.key };
  }

  get #ca(): experimental.CaCertificateUpdate | null {
    return this.#tls.clientCa === undefined ? null : { caCertificate: this.#tls.clientCa };
  }
}
