/**
 * Draws the provisioned Grafana board (config/grafana) from a Prometheus that scrapes a dispatcher, one picture of
 * all panels: what an operator sees, without a Grafana.
 *
 *   npm run board -- --prometheus http://localhost:9090 [--minutes 15] [--out board.svg]
 *   npm run board -- --trial [--out board.svg]
 *
 * With --trial it first runs a swarm with the bundled model under load for six minutes, and kills a server in it; it
 * needs a Prometheus on the PATH, or apt-get to fetch Debian's.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readBoard } from './board/board-definition.ts';
import { drawBoard } from './board/board-picture.ts';
import { PrometheusQueries } from './board/prometheus-queries.ts';
import { runTrial } from './board/trial-run.ts';

const { values: flags } = parseArgs({
  options: {
    prometheus: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    out: { type: 'string', default: 'board.svg' },
    trial: { type: 'boolean', default: false },
  },
});
const minutes = Number(flags.minutes);
if (!(minutes > 0 && minutes <= 1440)) refuse(`--minutes: ${flags.minutes} is not a number from 0 to 1440`);
if (flags.trial === (flags.prometheus !== undefined)) refuse('give either --prometheus ADDRESS or --trial');

if (flags.prometheus !== undefined) {
  const endSeconds = Math.floor(Date.now() / 1000);
  await draw(flags.prometheus.replace(/\/+$/, ''), { startSeconds: endSeconds - 60 * minutes, endSeconds });
} else {
  await runTrial(draw);
}

async function draw(url: string, range: { startSeconds: number; endSeconds: number }): Promise<void> {
  const board = readBoard();
  const queries = await PrometheusQueries.open(url, range, board);
  const caption = `${board.title}: ${board.panels.length} panels, drawn from config/grafana and a Prometheus by npm run board; dashed: a new plan (blue), a lost server (red)`;
  const { svg, empty } = await drawBoard(board, queries, range, caption);
  writeFileSync(flags.out, svg);
  console.log(`${flags.out}: ${board.panels.length} panels, ${(svg.length / 1000).toFixed(0)} kB`);
  for (const title of empty) console.log(`no data: ${title}`);
}

function refuse(message: string): never {
  console.error(`board: ${message}`);
  process.exit(2);
}
