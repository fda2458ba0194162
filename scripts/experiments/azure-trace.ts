import { readFileSync } from 'node:fs';
import { parseTrace } from '../../src/simulation/trace-csv.ts';
import type { TraceRequest } from '../../src/simulation/workloads.ts';

/** The first requests of the recorded trace in `data/`. */
export function readAzureTrace(requests: number): TraceRequest[] {
  const text = readFileSync(new URL('../../data/azure-llm-code-2023.csv', import.meta.url), 'utf8');
  return parseTrace(text, requests);
}
