/**
 * Makes the measured results of planning and dispatch again: `docs/results/planning.md` with its charts.
 *
 *   npm run results -- [--runs N] [--threads N] [--only SECTION,...]
 *
 * What was computed before by the same code is taken from `.cache/results`: a run that was stopped goes
 * on where it was. Every seed is fixed, so the same code and runs give the same files. With --only, those
 * sections take the place of the report's own; the others stay as they were.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { codeVersion } from './results/code-version.ts';
import { openOutcomeCache } from './results/outcome-cache.ts';
import { renderChart } from './results/render-chart.ts';
import { runCells } from './results/run-cells.ts';
import { sections } from './results/sections.ts';

const DEFAULT_RUNS = 6;
const ROOT = new URL('../', import.meta.url).pathname;
const OUTPUT = `${ROOT}docs/results`;

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: String(DEFAULT_RUNS) },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const runs = wholeNumber('--runs', flags.runs, 1000);
const threads = wholeNumber('--threads', flags.threads, 64);
const chosen = flags.only?.split(',') ?? Object.keys(sections);
const unknown = chosen.find((name) => !(name in sections));
if (unknown !== undefined) refuse(`--only: ${unknown} is none of ${Object.keys(sections).join(', ')}`);

const started = performance.now();
const plans = chosen.flatMap((name) => {
  const section = sections[name];
  if (section === undefined) return [];
  const cache = openOutcomeCache(`${ROOT}.cache/results`, name, codeVersion(`scripts/results/${name}.ts`));
  return [{ name, section, cache, cells: section.cells({ runs }) }];
});
const tasks = plans
  .flatMap(({ name, cache, cells }) =>
    cells.map((cell) => ({ section: name, cell, isKnown: cache.read(cell) !== undefined })),
  )
  .filter(({ isKnown }) => !isKnown)
  .map(({ section, cell }, id) => ({ id, section, cell }));
const total = plans.reduce((sum, { cells }) => sum + cells.length, 0);
let done = total - tasks.length;
await runCells(tasks, threads, (task, value) => {
  plans.find(({ name }) => name === task.section)?.cache.write(task.cell, value);
  done += 1;
  showProgress(`${done}/${total} ${task.section}`);
});
showProgress('');

const made = new Map<string, string>();
for (const { name, section, cache, cells } of plans) {
  const { markdown, charts } = section.render(cells.map((cell) => ({ cell, value: cache.read(cell) })));
  made.set(section.title, `## ${section.title}\n\n${markdown}\n`);
  mkdirSync(OUTPUT, { recursive: true });
  for (const chart of charts) writeFileSync(`${OUTPUT}/${chart.name}.svg`, await renderChart(chart));
  console.error(`${name}: ${charts.length} charts`);
}
const report = `${OUTPUT}/planning.md`;
const before = flags.only === undefined ? undefined : readFileSync(report, 'utf8');
const head = before === undefined ? `${heading(runs)}\n\n` : before.slice(0, before.indexOf('## '));
const earlier = sectionsOf(before ?? '');
const parts = Object.values(sections).flatMap(({ title }) => made.get(title) ?? earlier.get(title) ?? []);
writeFileSync(report, `${head}${parts.join('\n')}`);
console.error(`done in ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);

/** The sections of a report, by title. */
function sectionsOf(markdown: string): Map<string, string> {
  const found = markdown.split(/^(?=## )/m).slice(1);
  return new Map(found.map((section) => [section.slice(3, section.indexOf('\n')), `${section.trimEnd()}\n`]));
}

function heading(topologies: number): string {
  return `# Planning and dispatch, measured

Written by \`npm run results${topologies === DEFAULT_RUNS ? '' : ` -- --runs ${topologies}`}\`; do not edit. Simulated seconds. The command takes four minutes on
two cores, three times as long where they have other work, and goes on where it was stopped. Back to [all results](../results.md).`;
}

/** On a terminal only: one line, written over. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) refuse(`${flag}: must be a whole number from 1 to ${max}`);
  return value;
}

function refuse(problem: string): never {
  console.error(problem);
  process.exit(2);
}
