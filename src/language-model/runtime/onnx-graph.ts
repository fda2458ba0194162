/**
 * Writes ONNX models: a graph of operators, whose weights are inputs or constants.
 *
 * ONNX files are protocol buffers. The handful of messages needed here is written directly, so that a
 * block server starts without loading a protobuf library. Field numbers: onnx/onnx.proto of ONNX 1.17.
 */

/** What onnxruntime must offer: IR version 9, operator set 17, and the contributed operators of com.microsoft, version 1. */
const IR_VERSION = 9;
const OPERATOR_SET = 17;
const CONTRIBUTED_DOMAIN = 'com.microsoft';

const ELEMENT_TYPES = { float32: 1, uint8: 2, int32: 6 } as const;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** An input or output of a graph; a dimension given as text is free, and equal names are equal sizes. */
export interface OnnxValue {
  readonly name: string;
  readonly type: keyof typeof ELEMENT_TYPES;
  readonly shape: readonly (number | string)[];
}

/** One operator. Whole-number attributes go in `ints`, real ones in `floats`. */
export interface OnnxNode {
  readonly operator: string;
  /** True for the operators of com.microsoft. */
  readonly isContributed?: boolean;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

/** Values that are part of the graph, which lets onnxruntime keep them in the order that its kernels read. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Uint8Array;
}

export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly constants?: readonly OnnxConstant[];
}

/** A message or field in pieces, so that constants are copied once, into the finished file. */
type Pieces = readonly Uint8Array[];

/** The graph as the bytes of an ONNX model file. */
export function encodeOnnxModel(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    ...varintField(1, IR_VERSION),
    ...textField(2, 'daisychain'),
    ...messageField(7, encodeGraph(graph)),
    ...messageField(8, [...textField(1, ''), ...varintField(2, OPERATOR_SET)]),
    ...messageField(8, [...textField(1, CONTRIBUTED_DOMAIN), ...varintField(2, 1)]),
  ]);
}

function encodeGraph({ name, inputs, outputs, nodes, constants = [] }: OnnxGraph): Pieces {
  return [
    ...nodes.flatMap((node) => messageField(1, encodeNode(node))),
    ...textField(2, name),
    ...constants.flatMap((constant) => messageField(5, encodeConstant(constant))),
    ...inputs.flatMap((value) => messageField(11, encodeValue(value))),
    ...outputs.flatMap((value) => messageField(12, encodeValue(value))),
  ];
}

function encodeNode(node: OnnxNode): Pieces {
  return [
    ...node.inputs.flatMap((name) => textField(1, name)),
    ...node.outputs.flatMap((name) => textField(2, name)),
    ...textField(3, node.outputs[0] ?? ''),
    ...textField(4, node.operator),
    ...Object.entries(node.ints ?? {}).flatMap(([name, value]) =>
      messageField(5, [...textField(1, name), ...varintField(3, value), ...varintField(20, ATTRIBUTE_INT)]),
    ),
    ...Object.entries(node.floats ?? {}).flatMap(([name, value]) =>
      messageField(5, [...textField(1, name), ...floatField(2, value), ...varintField(20, ATTRIBUTE_FLOAT)]),
    ),
    ...(node.isContributed === true ? textField(7, CONTRIBUTED_DOMAIN) : []),
  ];
}

function encodeConstant({ name, shape, values }: OnnxConstant): Pieces {
  const type = values instanceof Float32Array ? 'float32' : 'uint8';
  return [
    ...shape.flatMap((size) => varintField(1, size)),
    ...varintField(2, ELEMENT_TYPES[type]),
    ...textField(8, name),
    ...messageField(9, [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]),
  ];
}

function encodeValue(value: OnnxValue): Pieces {
  const dimensions = value.shape.flatMap((size) =>
    messageField(1, typeof size === 'number' ? varintField(1, size) : textField(2, size)),
  );
  const tensorType = [...varintField(1, ELEMENT_TYPES[value.type]), ...messageField(2, dimensions)];
  return [...textField(1, value.name), ...messageField(2, messageField(1, tensorType))];
}

function varintField(field: number, value: number): Pieces {
  return [Uint8Array.from([...varint(field * 8 + WIRE_VARINT), ...varint(value)])];
}

function messageField(field: number, pieces: Pieces): Pieces {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [Uint8Array.from([...varint(field * 8 + WIRE_BYTES), ...varint(bytes)]), ...pieces];
}

function textField(field: number, text: string): Pieces {
  return messageField(field, [Buffer.from(text, 'utf8')]);
}

function floatField(field: number, value: number): Pieces {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [Uint8Array.from(varint(field * 8 + WIRE_FIXED32)), bytes];
}

/** Base-128 varint of a whole number >= 0. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
