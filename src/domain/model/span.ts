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

/** Blocks of `after` that `before` lacks.   O(1) */
export function countNewBlocks(before: Span | undefined, after: Span): number {
  if (before === undefined) return after.blockCount;
  const shared = Math.min(endBlock(before), endBlock(after)) - Math.max(before.firstBlock, after.firstBlock);
  return after.blockCount - Math.max(0, shared);
}
