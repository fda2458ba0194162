import { renderChart } from '../results/render-chart.ts';
import { type Board, GRID_COLUMNS, type Panel } from './board-definition.ts';
import { isEmpty, named, type PanelContent, panelChart } from './panel-chart.ts';
import type { PrometheusQueries, TimeRange } from './prometheus-queries.ts';

/** Of one cell of the grid, and the room between two panels, pixels. */
const CELL = { width: 54, height: 25 };
const GAP = 8;
const TOP = 34;
const FONT = 'font-family="sans-serif" fill="#333"';

export interface BoardPicture {
  /** An SVG document. */
  readonly svg: string;
  /** Titles of panels that had nothing to show. */
  readonly empty: readonly string[];
}

/** Draws every panel of the board where the board has it. @param caption what the picture shows, one line */
export async function drawBoard(
  board: Board,
  queries: PrometheusQueries,
  range: TimeRange,
  caption: string,
): Promise<BoardPicture> {
  const marks = await findMarks(board, queries);
  const empty: string[] = [];
  const parts: string[] = [];
  for (const { title, gridPos } of board.headings) {
    const baseline = TOP + (gridPos.y + gridPos.h) * CELL.height - GAP - 2;
    parts.push(`<text x="${GAP}" y="${baseline}" ${FONT} font-size="14" font-weight="600">${escaped(title)}</text>`);
  }
  for (const panel of board.panels) {
    const content = { ...(await queries.courses(panel.targets, panel.interval)), range, marks };
    if (isEmpty(content)) empty.push(panel.title);
    parts.push(await drawPanel(panel, content));
  }
  const width = GRID_COLUMNS * CELL.width + GAP;
  const height = TOP + CELL.height * Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="${width}" height="${height}" fill="#f0f1f4"/>`,
    `<text x="${GAP}" y="22" ${FONT} font-size="13">${escaped(caption)}</text>`,
    ...parts,
    '</svg>\n',
  ];
  return { svg: svg.join('\n'), empty };
}

/** When the queries of the annotations say that something happened; of a run of steps the first. */
async function findMarks(board: Board, queries: PrometheusQueries): Promise<PanelContent['marks']> {
  const marks: { time: number; colour: string }[] = [];
  for (const { expr, name, iconColor } of board.annotations) {
    const { times, series } = await queries.courses([{ expr, legendFormat: name }]);
    for (const { values } of series) {
      const starts = times.filter((_, at) => values[at] !== null && (values[at - 1] ?? null) === null);
      marks.push(...starts.map((time) => ({ time, colour: named(iconColor) })));
    }
  }
  return marks;
}

/** A chart as a part of the whole, with a frame of its own. */
async function drawPanel(panel: Panel, content: PanelContent): Promise<string> {
  const { x, y, w, h } = panel.gridPos;
  const [left, top] = [x * CELL.width + GAP, TOP + y * CELL.height];
  const [width, height] = [w * CELL.width - GAP, h * CELL.height - GAP];
  const chart = await renderChart({ name: `panel-${panel.id}`, spec: panelChart(panel, content, { width, height }) });
  const inner = chart
    .trim()
    .replace(/^<svg [^>]*>/, `<svg x="${left}" y="${top}" width="${width}" height="${height}">`)
    // Each chart counts its clip paths from one, and the whole has many charts.
    .replaceAll(/\b(clip\d+)\b/g, `p${panel.id}-$1`)
    // Descriptions of every mark, and digits that nobody sees, are most of a chart's bytes.
    .replaceAll(/ (?:role|class|aria-[a-z]+|stroke-miterlimit)="[^"]*"/g, '')
    .replaceAll(/<path d="[^"]*" display="none"\/?>(?:<\/path>)?/g, '')
    .replaceAll(/="[^"]*\.\d{2,}[^"]*"/g, rounded);
  const frame = `x="${left}" y="${top}" width="${width}" height="${height}"`;
  return `<rect ${frame} rx="2" fill="white" stroke="#dcdee3"/>\n${inner}`;
}

function rounded(attribute: string): string {
  return attribute.replaceAll(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
