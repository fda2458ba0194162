const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/**
 * A W3C `traceparent` that may be passed on, in its version 00; undefined: it is not valid, and a trace
 * begins anew, as the recommendation wants.
 */
export function validTraceparent(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > 512) return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [whole, version, traceId = '', spanId = '', flags] = match;
  if (version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  if (version === '00' && whole.length !== 55) return undefined;
  return `00-${traceId}-${spanId}-${flags}`;
}
