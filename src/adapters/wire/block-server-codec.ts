import type { InfoReply, InfoReply__Output } from './generated/daisychain/v1/InfoReply.ts';
import type { SessionReply, SessionReply__Output } from './generated/daisychain/v1/SessionReply.ts';
import type { SessionRequest, SessionRequest__Output } from './generated/daisychain/v1/SessionRequest.ts';
import { serviceDefinition } from './load-protos.ts';

const service = serviceDefinition('BlockServer');

/** HTTP/2 paths of the two methods. */
export const SESSION_PATH = service.Session.path;
export const INFO_PATH = service.Info.path;

/*
 * Messages are encoded and decoded by our own code rather than inside gRPC libraries: a message that
 * does not parse is then told apart from a broken connection, and blamed on the peer.
 */

export function encodeSessionRequest(request: SessionRequest): Buffer {
  return service.Session.requestSerialize(request);
}

/** @throws any error when the bytes are not such a message */
export function decodeSessionRequest(message: Buffer): SessionRequest__Output {
  return service.Session.requestDeserialize(message);
}

export function encodeSessionReply(reply: SessionReply): Buffer {
  return service.Session.responseSerialize(reply);
}

/** @throws any error when the bytes are not such a message */
export function decodeSessionReply(message: Buffer): SessionReply__Output {
  return service.Session.responseDeserialize(message);
}

export function encodeInfoReply(reply: InfoReply): Buffer {
  return service.Info.responseSerialize(reply);
}

/** @throws any error when the bytes are not such a message */
export function decodeInfoReply(message: Buffer): InfoReply__Output {
  return service.Info.responseDeserialize(message);
}
