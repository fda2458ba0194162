import { readFileSync } from 'node:fs';
import type { Rng } from '../../src/domain/shared/rng.ts';

interface Anchor {
  /** Median round trip to the monitors, ms. */
  readonly medianMs: number;
  readonly latitude: number;
  readonly longitude: number;
}

/** Round trips of one drawn topology, seconds. */
export interface Topology {
  /** Orchestrator to server j, ascending. */
  readonly rttSeconds: Float64Array;
  /** Server i to server j. */
  readonly serverRttSeconds: readonly Float64Array[];
}

const EARTH_RADIUS_KM = 6371;
const MS_PER_KM = 0.01;
/** Share of an anchor's median round trip that is its own access network's. */
const ACCESS_SHARE = 0.3;

/** Anchors of the data set, one per id, by ascending median round trip. */
export function loadAnchors(): Anchor[] {
  const text = readFileSync(new URL('../../data/ripe-atlas-eu-rtt.csv', import.meta.url), 'utf8');
  const rows = text.trim().split('\n').slice(1);
  const byId = new Map<string, { latencies: number[]; latitude: number; longitude: number }>();
  for (const row of rows) {
    const fields = row.split(',');
    const latencies = fields
      .slice(2, 6)
      .map(Number)
      .filter((ms) => ms > 0);
    const known = byId.get(fields[0] ?? '');
    if (known !== undefined) known.latencies.push(...latencies);
    else byId.set(fields[0] ?? '', { latencies, latitude: Number(fields[6]), longitude: Number(fields[7]) });
  }
  return [...byId.values()]
    .map(({ latencies, latitude, longitude }) => ({ medianMs: median(latencies), latitude, longitude }))
    .sort((a, b) => a.medianMs - b.medianMs);
}

/** The orchestrator is the anchor nearest to the monitors, the servers are drawn from the others. */
export function drawTopology(anchors: readonly Anchor[], servers: number, rng: Rng): Topology {
  const [orchestrator, ...rest] = anchors;
  if (orchestrator === undefined) throw new Error('there are anchors');
  const chosen: Anchor[] = [];
  while (chosen.length < servers) chosen.push(...rest.splice(Math.floor(rng.next() * rest.length), 1));
  chosen.sort((a, b) => rttMs(orchestrator, a) - rttMs(orchestrator, b));
  return {
    rttSeconds: Float64Array.from(chosen, (server) => rttMs(orchestrator, server) / 1000),
    serverRttSeconds: chosen.map((from) =>
      Float64Array.from(chosen, (to) => (from === to ? 0 : rttMs(from, to) / 1000)),
    ),
  };
}

function rttMs(a: Anchor, b: Anchor): number {
  return ACCESS_SHARE * (a.medianMs + b.medianMs) + MS_PER_KM * greatCircleKm(a, b);
}

function greatCircleKm(a: Anchor, b: Anchor): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const half = (difference: number): number => Math.sin(radians(difference) / 2) ** 2;
  const chord =
    half(b.latitude - a.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * half(b.longitude - a.longitude);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(chord));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
