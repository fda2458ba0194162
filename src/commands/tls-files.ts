import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UsageError } from './command-io.ts';

/** The keys of the configuration that name the files. */
export interface TlsFiles {
  readonly tls_cert_file?: string | undefined;
  readonly tls_key_file?: string | undefined;
  readonly client_ca_file?: string | undefined;
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
  const { tls_cert_file, tls_key_file, client_ca_file } = files;
  if (tls_cert_file === undefined || tls_key_file === undefined) return undefined;
  const pair = readKeyPair(
    { param: `${section}.tls_cert_file`, file: tls_cert_file },
    { param: `${section}.tls_key_file`, file: tls_key_file },
  );
  return {
    ...pair,
    clientCa: client_ca_file === undefined ? undefined : readCertificate(`${section}.client_ca_file`, client_ca_file),
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
