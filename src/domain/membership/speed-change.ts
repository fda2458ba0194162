import type { DeclaredSpeeds } from './member.ts';

/** Whether a computing speed differs by more than the share `threshold` of what it was.   O(1) */
export function hasChangedSpeed(before: DeclaredSpeeds, after: DeclaredSpeeds, threshold: number): boolean {
  const isFar = (a: number, b: number): boolean => Math.abs(a - b) > threshold * Math.max(Math.abs(a), 1e-12);
  return (
    isFar(before.overheadSecondsPerBlock, after.overheadSecondsPerBlock) ||
    isFar(before.prefillSecondsPerTokenPerBlock, after.prefillSecondsPerTokenPerBlock) ||
    isFar(before.decodeSecondsPerTokenPerBlock, after.decodeSecondsPerTokenPerBlock)
  );
}
