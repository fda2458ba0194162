/**
 * Writes ONNX models: a graph of operators whose weights are inputs, not constants.
 *
 * ONNX files are protocol buffers. The handful of messages needed here is written directly, so that a
 * block server starts without loading a protobuf library. Field numbers: onnx/onnx.proto of ONNX 1.17.
 */

/** What onnxruntime must offer: IR version 9, operator set 17, and the contributed operators of com.microsoft, version 1. */
const IR_VERSION = 9;
const OPERATOR_SET = 17;
const CONTRIBUTED_DOMAIN = 'com.microsoft';

const ELEMENT_TYPES = { float32: 1, int32: 6 } as const;
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

export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
}

/** The graph as the bytes of an ONNX model file. */
export function encodeOnnxModel(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    varintField(1, IR_VERSION),
    textField(2, 'daisychain'),
    bytesField(7, encodeGraph(graph)),
    bytesField(8, Buffer.concat([textField(1, ''), varintField(2, OPERATOR_SET)])),
    bytesField(8, Buffer.concat([textField(1, CONTRIBUTED_DOMAIN), varintField(2, 1)])),
  ]);
}

function encodeGraph(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    ...graph.nodes.map((node) => bytesField(1, encodeNode(node))),
    textField(2, graph.name),
    ...graph.inputs.map((value) => bytesField(11, encodeValue(value))),
    ...graph.outputs.map((value) => bytesField(12, encodeValue(value))),
  ]);
}

function encodeNode(node: OnnxNode): Uint8Array {
  return Buffer.concat([
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(3, node.outputs[0] ?? ''),
    textField(4, node.operator),
    ...Object.entries(node.ints ?? {}).map(([name, value]) =>
      bytesField(5, Buffer.concat([textField(1, name), varintField(3, value), varintField(20, ATTRIBUTE_INT)])),
    ),
    ...Object.entries(node.floats ?? {}).map(([name, value]) =>
      bytesField(5, Buffer.concat([textField(1, name), floatField(2, value), varintField(20, ATTRIBUTE_FLOAT)])),
    ),
    ...(node.isContributed === true ? [textField(7, CONTRIBUTED_DOMAIN)] : []),
  ]);
}

function encodeValue(value: OnnxValue): Uint8Array {
  const dimensions = value.shape.map((size) =>
    bytesField(1, typeof size === 'number' ? varintField(1, size) : textField(2, size)),
  );
  const tensorType = Buffer.concat([
    varintField(1, ELEMENT_TYPES[value.type]),
    bytesField(2, Buffer.concat(dimensions)),
  ]);
  return Buffer.concat([textField(1, value.name), bytesField(2, bytesField(1, tensorType))]);
}

function varintField(field: number, value: number): Uint8Array {
  return Buffer.from([...varint(field * 8 + WIRE_VARINT), ...varint(value)]);
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([...varint(field * 8 + WIRE_BYTES), ...varint(bytes.length)]), bytes]);
}

function textField(field: number, text: string): Uint8Array {
  return bytesField(field, Buffer.from(text, 'utf8'));
}

function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([Buffer.from(varint(field * 8 + WIRE_FIXED32)), bytes]);
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
