import { describe, expect, it } from 'vitest';
import { fittedTable, hanging } from '../../../src/commands/fitted-table.ts';

const COLUMNS = [{ title: 'name' }, { title: 'speed', rank: 1 }, { title: 'size', rank: 2 }, { title: 'why' }];
const REASON = 'it is far away and answers late, so nobody asks it';

describe('a table', () => {
  it('is as wide as its widest cells where there is room, without columns that say nothing', () => {
    expect(
      fittedTable(
        COLUMNS,
        [
          ['a', '10 ms', '4 GB', ''],
          ['bcdef', '', '', ''],
        ],
        80,
      ),
    ).toEqual(['name   speed  size', 'a      10 ms  4 GB', 'bcdef']);
  });

  it('loses the columns of the lowest ranks first, and no more than it takes', () => {
    const rows = [['a', '10 ms', '4 GB', REASON]];
    expect(fittedTable(COLUMNS, rows, 70)[0]).toBe('name  speed  size  why');
    expect(fittedTable(COLUMNS, rows, 40)[0]).toBe('name  size  why');
    expect(fittedTable(COLUMNS, rows, 34)[0]).toBe('name  why');
  });

  it('goes on below its last column', () => {
    expect(fittedTable(COLUMNS, [['a', '', '', REASON]], 40)).toEqual([
      'name  why',
      'a     it is far away and answers late,',
      '      so nobody asks it',
    ]);
  });

  it('of one long name leaves nothing wider than the terminal', () => {
    const lines = fittedTable(COLUMNS, [['n'.repeat(128), '10 ms', '4 GB', REASON]], 40);
    expect(lines.every((line) => line.length <= 40)).toBe(true);
    expect(lines.join(' ')).toContain('nobody asks it');
  });
});

describe('words after a beginning', () => {
  it('keep together what a non-breaking space joins, and are cut where one is too long', () => {
    expect(hanging('', 'one two\u00a0three four', 9)).toEqual(['one', 'two three', 'four']);
    expect(hanging('', 'x'.repeat(20), 9)).toEqual(['xxxxxxxx…']);
    expect(hanging('a  ', 'b '.repeat(30).trim(), Number.POSITIVE_INFINITY)).toHaveLength(1);
  });
});
