/** A bug of ours: the process reports it and stops. Never thrown for what a peer or a client sent. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Asserts one condition that our own code must uphold. Stays on in production. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
