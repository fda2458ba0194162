import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const COMMIT = 'c'.repeat(40);

/** A model hub on this machine that speaks the two addresses that downloads use, and can misbehave. */
export class FakeHub {
  readonly requests: {
    readonly url: string;
    readonly range: string | undefined;
    readonly token: string | undefined;
  }[] = [];
  /** Cuts the connection of the next transfers of the weights after so many bytes, one entry per transfer. */
  readonly cuts: number[] = [];
  ignoresRanges = false;
  /** Answers every file request so. */
  fileStatus: number | undefined;
  /** Replaces the listing. */
  listing: unknown;
  readonly #files: Readonly<Record<string, Buffer>>;
  readonly #server: Server;

  private constructor(files: Readonly<Record<string, Buffer>>) {
    this.#files = files;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(files: Readonly<Record<string, Buffer>>): Promise<FakeHub> {
    const hub = new FakeHub(files);
    await new Promise<void>((resolve) => hub.#server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    this.requests.push({ url, range: request.headers.range, token: request.headers.authorization });
    if (url.startsWith('/api/models/')) {
      response.end(JSON.stringify(this.listing ?? this.#list()));
      return;
    }
    const content = this.#files[url.slice(url.lastIndexOf('/') + 1)];
    if (this.fileStatus !== undefined || content === undefined || !url.includes(`/resolve/${COMMIT}/`)) {
      response.writeHead(this.fileStatus ?? 404).end();
      return;
    }
    const start = this.ignoresRanges ? 0 : Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const cut = url.endsWith('.safetensors') ? this.cuts.shift() : undefined;
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': content.length - start });
    if (cut === undefined) response.end(content.subarray(start));
    else response.write(content.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 20));
  }

  #list(): unknown {
    const siblings = Object.entries(this.#files).map(([rfilename, content]) =>
      rfilename.endsWith('.safetensors')
        ? { rfilename, lfs: { size: content.length, sha256: createHash('sha256').update(content).digest('hex') } }
        : {
            rfilename,
            size: content.length,
            blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
          },
    );
    return { sha: COMMIT, siblings: [...siblings, { rfilename: 'README.md', size: 3, blobId: 'x' }] };
  }
}
