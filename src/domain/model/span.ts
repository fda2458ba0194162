/** A contiguous range of blocks, zero-based: [firstBlock, firstBlock + blockCount). */
export interface Span {
  readonly firstBlock: number;
  readonly blockCount: number;
}

/** One past the last block of the span. */
export function endBlock(span: Span): number {
  return span.firstBlock + span.blockCount;
}

export function containsSpan(outer: Span, inner: Span): boolean {
  return inner.firstBlock >= outer.firstBlock && endBlock(inner) <= endBlock(outer);
}

export function isSameSpan(a: Span, b: Span): boolean {
  return a.firstBlock === b.firstBlock && a.blockCount === b.blockCount;
}
