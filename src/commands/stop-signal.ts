const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Signals that come this close together are one wish to stop, milliseconds: a terminal sends Ctrl-C to npm
 * and to the process that npm started, and npm passes its own on.
 */
const SAME_WISH_MS = 500;

export interface StopSignal {
  /** Resolves at the first SIGINT or SIGTERM. */
  readonly received: Promise<undefined>;
  /** Aborted at the same moment, for work that can be broken off. */
  readonly signal: AbortSignal;
  /** Listens no longer. */
  release(): void;
}

/** Waits for the wish to stop. A second one, later than an echo of the first, ends the process as if nobody listened. */
export function listenForStop(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const abort = new AbortController();
  let firstMs: number | undefined;
  const release = (): void => {
    for (const name of STOP_SIGNALS) process.off(name, onSignal);
  };
  const onSignal = (name: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstMs === undefined) {
      firstMs = nowMs;
      abort.abort();
      resolve(undefined);
    } else if (nowMs - firstMs > SAME_WISH_MS) {
      release();
      process.kill(process.pid, name);
    }
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  return { received: promise, signal: abort.signal, release };
}
