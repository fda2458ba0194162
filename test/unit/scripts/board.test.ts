import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readBoard } from '../../../scripts/board/board-definition.ts';
import { drawBoard } from '../../../scripts/board/board-picture.ts';
import { PrometheusQueries } from '../../../scripts/board/prometheus-queries.ts';
import { axisLabels, formatValue } from '../../../scripts/board/units.ts';

const RANGE = { startSeconds: 1_800_000_000, endSeconds: 1_800_000_300 };
const board = readBoard();

/** What a Prometheus answers to one query: labels of each series, and its value at a time. */
type Answer = (query: string) => readonly { readonly metric: object; readonly valueAt: (seconds: number) => string }[];

describe('the picture of the board', () => {
  let server: Server;
  afterEach(() => server.close());

  /** A Prometheus of one model that answers so. */
  async function prometheus(answer: Answer, queries: URLSearchParams[] = []): Promise<string> {
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      const reply = (data: unknown): void => void response.end(JSON.stringify({ status: 'success', data }));
      if (pathname.startsWith('/api/v1/label/')) return reply(['some-model']);
      queries.push(searchParams);
      const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(searchParams.get(name))) as [
        number,
        number,
        number,
      ];
      const result = answer(searchParams.get('query') ?? '').map(({ metric, valueAt }) => {
        const count = Math.floor((end - start) / step) + 1;
        const times = Array.from({ length: count }, (_, at) => start + at * step);
        return { metric, values: times.map((time) => [time, valueAt(time)]) };
      });
      reply({ result });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('has every panel at its place of the grid, with a value for every query', async () => {
    const asked: URLSearchParams[] = [];
    const url = await prometheus(
      () => [{ metric: { chain: '<evil>', server: 's1' }, valueAt: (time) => String(time % 60) }],
      asked,
    );
    const { svg, empty } = await drawBoard(board, await PrometheusQueries.open(url, RANGE, board), RANGE, 'a < b');
    expect(empty).toEqual([]);
    for (const { title } of [...board.panels, ...board.headings]) expect(svg).toContain(`>${title}</text>`);
    const frames = [...svg.matchAll(/<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx/g)];
    expect(frames).toHaveLength(board.panels.length);
    expect(new Set(frames.map(([, x, y]) => `${x},${y}`)).size).toBe(board.panels.length);
    expect(svg).toContain('a &lt; b');
    expect(svg).not.toContain('<evil>');
    expect(svg).not.toMatch(/NaN|undefined|No data/);
    for (const parameters of asked) expect(parameters.get('query')).not.toContain('$');
  });

  it('says where there is nothing, and takes what is no number for nothing', async () => {
    const url = await prometheus((query) => (query.includes('quantile') ? [{ metric: {}, valueAt: () => 'NaN' }] : []));
    const { svg, empty } = await drawBoard(board, await PrometheusQueries.open(url, RANGE, board), RANGE, '');
    expect(empty).toEqual(board.panels.map(({ title }) => title));
    expect(svg.match(/No data/g)).toHaveLength(board.panels.length);
  });

  it('asks as Grafana would: for the model that there is, and rates over four scrapes or a step and a scrape', async () => {
    const asked: URLSearchParams[] = [];
    const url = await prometheus(() => [], asked);
    const queries = await PrometheusQueries.open(url, RANGE, board);
    const expr = 'rate(daisychain_requests_total{model_name=~"$model"}[$__rate_interval])';
    await queries.courses([{ expr, legendFormat: '' }]);
    await queries.courses([{ expr, legendFormat: '' }], '1m');
    const queryOf = (parameters: URLSearchParams | undefined) => [parameters?.get('query'), parameters?.get('step')];
    expect(queryOf(asked[0])).toEqual(['rate(daisychain_requests_total{model_name=~"(some-model)"}[20s])', '5']);
    expect(queryOf(asked[1])).toEqual(['rate(daisychain_requests_total{model_name=~"(some-model)"}[65s])', '60']);
  });
});

describe('a value on the board', () => {
  it.each([
    [0.0123, 's', '12.3 ms'],
    [0.000_002, 's', '2 µs'],
    [90, 's', '1.5 min'],
    [0, 's', '0 s'],
    [12_345, 'short', '12.3 K'],
    [2.5, 'reqps', '2.5 req/s'],
    [7, undefined, '7'],
  ])('%d of the unit %s is written %s', (value, unit, text) => {
    expect(formatValue(value, unit)).toBe(text);
  });

  it('of a unit that is not known here stops the drawing', () => {
    expect(() => axisLabels('furlongs')).toThrow('furlongs');
  });
});
