/**
 * Writes test/fixtures/petals/recorded.json: bytes that a real PETALS server sent, for tests that run
 * without Python. `node test/petals/support/record-fixture.ts`
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bytesOfBase58 } from '../../../src/adapters/wire/petals/base58.ts';
import { encodeMsgpack } from '../../../src/adapters/wire/petals/encode-msgpack.ts';
import { withMarker, withVarint } from '../../../src/adapters/wire/petals/frame-reader.ts';
import { encodePetals } from '../../../src/adapters/wire/petals/messages.ts';
import { PetalsNetwork } from '../../../src/adapters/wire/petals/petals-network.ts';
import { piecesOf } from '../../../src/adapters/wire/petals/stream-bytes.ts';
import { encodeHidden, NO_HYPOTHESES, NO_PROMPTS } from '../../../src/adapters/wire/petals/tensor-codec.ts';
import { openLanguageModel } from '../../../src/language-model/open-language-model.ts';
import { readReference, TINY_AUSTEN } from '../../support/tiny-austen.ts';
import makeEnvironment from './make-environment.ts';
import { DHT_PREFIX, PetalsServer } from './petals-server.ts';

const INFERENCE = 'TransformerConnectionHandler.rpc_inference';
const QUIET_MS = 1_500;

makeEnvironment();
const server = await PetalsServer.start({ blocks: '0:6', cacheTokens: 200, inferenceMaxLength: 150 });
const network = new PetalsNetwork();
const model = await openLanguageModel(TINY_AUSTEN);
const peerId = bytesOfBase58(server.peerId) as Uint8Array;

/** All bytes that come back on a stream until it has been quiet for a while. */
async function talk(protocol: string, ...messages: readonly Uint8Array[]): Promise<string> {
  const stream = await network.openStream(server.address, protocol, AbortSignal.timeout(5_000));
  const received: Uint8Array[] = [];
  stream.addEventListener('message', (event) => received.push(...piecesOf(event.data)));
  for (const message of messages) stream.send(message);
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  stream.abort(new Error('recorded'));
  return Buffer.concat(received).toString('base64');
}

function call(method: string, message: Uint8Array): Uint8Array {
  return withVarint(
    encodePetals('petals.unary_call.Request', { callId: Buffer.alloc(16, 7), call: { peerId, method, message } }),
  );
}

function opening(uid: string, metadata: Record<string, string | number>): Uint8Array {
  const tensors = [encodeHidden(new Float32Array(0), 0, model.hiddenSize, 'float32'), NO_PROMPTS, NO_HYPOTHESES];
  return withMarker(encodePetals('petals.expert.ExpertRequest', { uid, tensors, metadata: encodeMsgpack(metadata) }));
}

const input = model.embed(readReference().prompt_tokens.slice(0, 2));
const step = withMarker(
  encodePetals('petals.expert.ExpertRequest', {
    uid: '',
    tensors: [encodeHidden(input, 2, model.hiddenSize, 'float32'), NO_PROMPTS, NO_HYPOTHESES],
    metadata: encodeMsgpack({ session_id: 'recorded' }),
  }),
);
const info = (uid: string): Uint8Array => encodePetals('petals.expert.ExpertUid', { uid });
const keys = [`${DHT_PREFIX}.0`, 'nothing.0'].map((key) => createHash('sha1').update(encodeMsgpack(key)).digest());
const recorded = {
  note: 'Sent by PETALS 2.2.0.post1 serving tiny-austen; base64, with framing. Made by test/petals/support/record-fixture.ts.',
  peerId: server.peerId,
  info: await talk(
    'TransformerConnectionHandler.rpc_info',
    call('TransformerConnectionHandler.rpc_info', info(`${DHT_PREFIX}.0`)),
  ),
  infoOfOtherBlock: await talk(
    'TransformerConnectionHandler.rpc_info',
    call('TransformerConnectionHandler.rpc_info', info(`${DHT_PREFIX}.9`)),
  ),
  find: await talk(
    'DHTProtocol.rpc_find',
    call('DHTProtocol.rpc_find', encodePetals('petals.dht.FindRequest', { keys, peer: { nodeId: Buffer.alloc(0) } })),
  ),
  input: Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('base64'),
  session: await talk(INFERENCE, opening(`${DHT_PREFIX}.0`, { max_length: 10, session_id: 'recorded' }), step),
  notServed: await talk(INFERENCE, opening(`${DHT_PREFIX}.9`, { max_length: 10 })),
  tooLong: await talk(INFERENCE, opening(`${DHT_PREFIX}.0`, { max_length: 151 })),
  beyondReserved: await talk(INFERENCE, opening(`${DHT_PREFIX}.0`, { max_length: 1, session_id: 'recorded' }), step),
  cacheFull: await (async () => {
    const stream = await network.openStream(server.address, INFERENCE, AbortSignal.timeout(5_000));
    const uids = [0, 1, 2, 3, 4, 5].map((i) => `${DHT_PREFIX}.${i}`).join(' ');
    stream.send(opening(uids, { max_length: 150 }));
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const answer = await talk(INFERENCE, opening(uids, { max_length: 150 }));
    stream.abort(new Error('recorded'));
    return answer;
  })(),
};
const target = fileURLToPath(new URL('../../fixtures/petals/recorded.json', import.meta.url));
writeFileSync(target, `${JSON.stringify(recorded, undefined, 2)}\n`);
await network.close();
await model.close();
await server.stop();
