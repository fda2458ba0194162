/** A column; which of them go first where a table is too wide. */
export interface Column {
  readonly title: string;
  /** Columns with the smallest number are left out first; without one a column stays. */
  readonly rank?: number;
}

const GAP = 2;
/** Below this the last column starts on a line of its own. */
const LEAST_ROOM = 24;
const INDENT = 4;

/**
 * Lines of a table that fit a terminal: columns that say nothing in any row are left out, then as few others as it
 * takes, by rank; the last column goes on over further lines. A non-breaking space is where no line may break.
 * @param rows cells in the order of the columns   @param width characters; infinite: nothing is cut
 */
export function fittedTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  let shown = columns.map((_, at) => at).filter((at) => rows.some((row) => row[at] !== ''));
  const widthOf = (at: number): number =>
    rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), columns[at]?.title.length ?? 0) + GAP;
  const widthBefore = (): number => shown.slice(0, -1).reduce((sum, at) => sum + widthOf(at), 0);
  const room = (): number => width - widthBefore();
  const needed = (): number => Math.min(LEAST_ROOM, widthOf(shown.at(-1) ?? 0) - GAP);
  while (room() < needed()) {
    const ranked = shown.filter((at) => columns[at]?.rank !== undefined);
    const [least] = ranked.sort((a, b) => (columns[a]?.rank ?? 0) - (columns[b]?.rank ?? 0));
    if (least === undefined) break;
    shown = shown.filter((at) => at !== least);
  }
  const head = columns.map(({ title }) => title);
  return [head, ...rows].flatMap((row) => {
    const start = shown.slice(0, -1).map((at) => (row[at] ?? '').padEnd(widthOf(at)));
    return hanging(start.join(''), row[shown.at(-1) ?? 0] ?? '', width);
  });
}

/** `start` and the words after it, which go on below themselves, or below `start` where they have too little room. */
export function hanging(start: string, text: string, width: number): string[] {
  const isTight = start !== '' && width - start.length < Math.min(LEAST_ROOM, text.length);
  const indent = isTight ? INDENT : start.length;
  const lines = isTight ? [start.trimEnd()] : [];
  let line = isTight ? ' '.repeat(indent) : start;
  for (const word of text.split(' ')) {
    const isFirst = line.length <= indent;
    if (!isFirst && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line].map((each) => cut(each.trimEnd().replaceAll('\u00a0', ' '), width));
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
