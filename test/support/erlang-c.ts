/** Mean response of M/M/c by Erlang's C formula, through the stable recursion of Erlang B. */
export function erlangC(slots: number, serviceSeconds: number, arrivalRatePerSecond: number): number {
  const load = arrivalRatePerSecond * serviceSeconds;
  let blocking = 1;
  for (let s = 1; s <= slots; s += 1) blocking = (load * blocking) / (s + load * blocking);
  const rho = load / slots;
  const waiting = blocking / (1 - rho * (1 - blocking));
  return serviceSeconds + (waiting * serviceSeconds) / (slots * (1 - rho));
}
