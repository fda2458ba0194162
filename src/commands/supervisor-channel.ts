import { DispatcherError } from '../domain/shared/errors.ts';

/** How long the supervisor may keep a server waiting for a word, milliseconds. */
const TURN_TIMEOUT_MS = 30_000;

/** What a server tells the process that started it. */
type SupervisorMessage =
  | { readonly type: 'ready-to-measure' }
  | { readonly type: 'measured' }
  | { readonly type: 'joined'; readonly address: string };

/**
 * The channel to the process that started this one, where that process asked for one (`fork`): it
 * lets the servers of one machine measure themselves one after another and join together, and it binds their lives to
 * its own.
 */
export interface SupervisorChannel {
  send(message: SupervisorMessage): void;
  /**
   * Resolves when the supervisor says that it is this server's turn to measure, or that it may join (so
   * that servers started together are planned for together); after 30 s at the latest.
   */
  turnTo(step: 'measure' | 'join'): Promise<void>;
  /** Rejects when the supervisor is gone; never resolves. */
  readonly lost: Promise<never>;
  /** Lets go of the channel, so that it does not keep this process. */
  release(): void;
}

/** The channel of this process; without a supervisor it is one that never makes anybody wait. */
export function openSupervisorChannel(): SupervisorChannel {
  if (process.send === undefined) {
    return { send: () => {}, turnTo: async () => {}, lost: new Promise(() => {}), release: () => {} };
  }
  let onDisconnect: () => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    onDisconnect = () => reject(new DispatcherError('DSP_CANCELLED', 'the process that started this server is gone'));
    process.once('disconnect', onDisconnect);
  });
  lost.catch(() => {});
  return {
    // A supervisor that is going away makes sending fail; `lost` tells it.
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    turnTo: (step) =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          process.off('message', onMessage);
          resolve();
        };
        const onMessage = (message: unknown): void => {
          if (typeof message === 'object' && message !== null && 'type' in message && message.type === step) end();
        };
        const timer = setTimeout(end, TURN_TIMEOUT_MS);
        process.on('message', onMessage);
      }),
    lost,
    release: () => {
      process.off('disconnect', onDisconnect);
      if (process.connected) process.disconnect();
    },
  };
}
