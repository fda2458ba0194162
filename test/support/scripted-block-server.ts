import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition } from '@grpc/grpc-js';
import { decodeSessionRequest, encodeSessionReply, SESSION_PATH } from '../../src/adapters/wire/block-server-codec.ts';
import type { SessionReply } from '../../src/adapters/wire/generated/daisychain/v1/SessionReply.ts';
import type { Step__Output } from '../../src/adapters/wire/generated/daisychain/v1/Step.ts';

export interface ScriptedReplies {
  /** Sends a correct or a wrong reply, or any bytes. */
  send(reply: SessionReply | Buffer): void;
  /** Ends the stream in order. */
  end(): void;
}

export interface BlockServerScript {
  /** Default: opens. */
  open?(replies: ScriptedReplies): void;
  step?(replies: ScriptedReplies, step: Step__Output): void;
}

const asIs = (message: Buffer): Buffer => message;
const SERVICE: ServiceDefinition = {
  Session: {
    path: SESSION_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

/** A block server that answers as a test tells it to, rightly or wrongly. */
export async function startScriptedBlockServer(
  script: BlockServerScript,
): Promise<{ readonly address: string; close(): void }> {
  const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
  server.addService(SERVICE, {
    Session: (stream: ServerDuplexStream<Buffer, Buffer>) => {
      const replies: ScriptedReplies = {
        send: (reply) => void stream.write(Buffer.isBuffer(reply) ? reply : encodeSessionReply(reply)),
        end: () => stream.end(),
      };
      stream.on('error', () => {});
      stream.on('data', (message: Buffer) => {
        const { open, step } = decodeSessionRequest(message);
        if (open && script.open) script.open(replies);
        else if (open) replies.send({ opened: {} });
        if (step) script.step?.(replies, step);
      });
      stream.on('end', () => stream.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}
