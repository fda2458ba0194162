import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UsageError } from './command-io.ts';

/** Paths of a front's files, as the configuration names them; `cert` and `key` come together or not at all. */
export interface TlsFiles {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly clientCa: string | undefined;
}

/** What is in them, PEM. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
}

/**
 * Reads a front's certificate, checked to fit its key. Undefined: the front speaks without TLS.
 * @param section of the configuration, for the error
 * @throws UsageError naming the configuration's key, never what is in the file
 */
export function readTlsFiles(section: string, files: TlsFiles): TlsMaterial | undefined {
  const { cert, key, clientCa } = files;
  if (cert === undefined || key === undefined) return undefined;
  return {
    ...readKeyPair({ param: `${section}.tls_cert_file`, file: cert }, { param: `${section}.tls_key_file`, file: key }),
    clientCa: clientCa === undefined ? undefined : readCertificate(`${section}.client_ca_file`, clientCa),
  };
}

/** A file, and the key or flag that names it. */
export interface NamedFile {
  readonly param: string;
  readonly file: string;
}

/** A certificate and its key, checked to fit each other. @throws UsageError naming the key or flag */
export function readKeyPair(certFile: NamedFile, keyFile: NamedFile): { readonly cert: Buffer; readonly key: Buffer } {
  const cert = read(certFile.param, certFile.file);
  const key = read(keyFile.param, keyFile.file);
  const certificate = parse(certFile, 'a certificate', () => new X509Certificate(cert));
  const privateKey = parse(keyFile, 'a private key', () => createPrivateKey(key));
  if (certificate.checkPrivateKey(privateKey)) return { cert, key };
  throw invalid(keyFile.param, `${keyFile.file} is not the key of the certificate in ${certFile.file}`);
}

/** @throws UsageError naming `param` */
export function readCertificate(param: string, file: string): Buffer {
  const pem = read(param, file);
  parse({ param, file }, 'a certificate', () => new X509Certificate(pem));
  return pem;
}

function read(param: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw invalid(param, `${file}: ${isAbsent ? 'there is no such file' : 'cannot be read'}`);
  }
}

function parse<T>({ param, file }: NamedFile, what: string, work: () => T): T {
  try {
    return work();
  } catch {
    throw invalid(param, `${file} does not hold ${what} in PEM form`);
  }
}

function invalid(param: string, problem: string): UsageError {
  return new UsageError(`${param}: ${problem}`);
}
