import { randomBytes } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { printablePeerText } from '../printable-text.ts';
import { bytesOfBase58 } from './base58.ts';
import { FrameReader, readVarintPrefix, withVarint } from './frame-reader.ts';
import { decodePetals, encodePetals } from './messages.ts';
import { parsePeerAddress } from './peer-address.ts';
import type { PetalsNetwork } from './petals-network.ts';
import { codeOfServerError } from './server-error.ts';
import { piecesOf } from './stream-bytes.ts';

/** hivemind's daemon answers nothing above 4 MiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * One call of one message each way.
 * @param method for instance `TransformerConnectionHandler.rpc_info`
 * @returns the bytes of the answer's message
 * @throws DispatcherError DSP_SERVER_LOST, DSP_STEP_TIMEOUT, DSP_BAD_OUTPUT, or what the server's error stands for
 */
export async function callUnary(
  network: PetalsNetwork,
  address: string,
  method: string,
  message: Uint8Array,
  timeoutMs: number,
): Promise<Buffer> {
  const peerId = bytesOfBase58(parsePeerAddress(address)?.peerId ?? '');
  if (peerId === undefined) throw new DispatcherError('DSP_SERVER_LOST', 'the address does not end in a peer id');
  const callId = randomBytes(16);
  const request = encodePetals('petals.unary_call.Request', {
    callId,
    call: { peerId, method, message },
  });
  const body = await exchange(network, address, method, request, timeoutMs);
  const { answer } = decodePetals('petals.unary_call.Response', body);
  if (answer?.result === 'message') return answer.message as Buffer;
  if (answer?.result === 'error') {
    const text = (answer.error as Buffer).toString('utf8');
    throw new DispatcherError(codeOfServerError(text), `${method} was refused: ${printablePeerText(text)}`);
  }
  throw new DispatcherError('DSP_BAD_OUTPUT', `${method} was answered with neither a message nor an error`);
}

/**
 * Sends one message on a stream of its own and resolves with the one that comes back.
 * @throws DispatcherError as `callUnary`
 */
export async function exchange(
  network: PetalsNetwork,
  address: string,
  protocol: string,
  message: Uint8Array,
  timeoutMs: number,
): Promise<Buffer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let stream: Stream | undefined;
  try {
    stream = await network.openStream(address, protocol, timeout);
    stream.send(withVarint(message));
    return await firstMessage(stream, timeout);
  } catch (cause) {
    if (timeout.aborted) {
      network.forget(address);
      throw new DispatcherError('DSP_STEP_TIMEOUT', `${protocol} was not answered within ${timeoutMs} ms`, { cause });
    }
    if (cause instanceof DispatcherError) throw cause;
    throw new DispatcherError('DSP_SERVER_LOST', `${protocol} broke off`, { cause });
  } finally {
    stream?.abort(new Error('the call is over'));
  }
}

function firstMessage(stream: Stream, timeout: AbortSignal): Promise<Buffer> {
  const reader = new FrameReader(readVarintPrefix, MAX_ANSWER_BYTES);
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new DispatcherError('DSP_SERVER_LOST', 'the stream ended without an answer'));
    stream.addEventListener('message', (event) => {
      try {
        for (const piece of piecesOf(event.data)) {
          const [frame] = reader.push(piece);
          if (frame !== undefined) resolve(frame.body);
        }
      } catch (error) {
        reject(error);
      }
    });
    stream.addEventListener('close', lost, { once: true });
    stream.addEventListener('remoteCloseWrite', lost, { once: true });
    timeout.addEventListener('abort', () => reject(timeout.reason), { once: true });
  });
}
