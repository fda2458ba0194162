import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/commands/command-io.ts';
import { reportFailure } from '../../../src/commands/failure-report.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { DispatcherError } from '../../../src/domain/shared/errors.ts';
import { InvariantError } from '../../../src/domain/shared/invariant.ts';

describe('the report of a failure', () => {
  it.each([
    ['wrong usage', new UsageError('servers[1].memory_bytes: must be\n  positive')],
    ['a wrong configuration', new ConfigError('servers[1].memory_bytes: must be positive')],
    [
      'a usage error of commander',
      new CommanderError(1, 'commander.unknownOption', 'error: servers[1].memory_bytes: must be positive'),
    ],
  ])('is one line and exit code 2 for %s', (_, error) => {
    expect(reportFailure(error)).toEqual({
      exitCode: 2,
      text: 'daisychain: servers[1].memory_bytes: must be positive\n',
    });
  });

  it('is one line and exit code 1 for a failure with a code', () => {
    const report = reportFailure(new DispatcherError('DSP_BAD_WEIGHTS', 'model.safetensors is cut short'));
    expect(report).toEqual({ exitCode: 1, text: 'daisychain: model.safetensors is cut short\n' });
  });

  it('is one line and exit code 1 for a refusal of the operating system', () => {
    const refusal = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:8080'), {
      code: 'EADDRINUSE',
      syscall: 'listen',
    });
    expect(reportFailure(refusal)).toEqual({ exitCode: 1, text: `daisychain: ${refusal.message}\n` });
  });

  it.each([new InvariantError('slots below zero'), new TypeError('x is not a function'), 'a thrown string'])(
    'says that it is a bug, with everything known of it, for %s',
    (error) => {
      const { exitCode, text } = reportFailure(error);
      expect(exitCode).toBe(1);
      expect(text).toContain('bug in daisychain');
      expect(text).toContain(error instanceof Error ? String(error.stack) : error);
    },
  );

  it('tells the causes of a bug, and ends when they form a cycle', () => {
    const first = new Error('outer');
    const second = new Error('inner', { cause: first });
    first.cause = second;
    const { text } = reportFailure(first);
    expect(text).toContain('caused by Error: inner');
    expect(text.length).toBeLessThan(20_000);
  });

  it.each(['commander.helpDisplayed', 'commander.version'])('is silent and exit code 0 after %s', (code) => {
    expect(reportFailure(new CommanderError(0, code, '(outputHelp)'))).toEqual({ exitCode: 0, text: '' });
  });

  it('adds nothing to the help that a missing command printed, and exits 2', () => {
    expect(reportFailure(new CommanderError(1, 'commander.help', '(outputHelp)'))).toEqual({ exitCode: 2, text: '' });
  });
});
