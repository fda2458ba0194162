import { CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { UsageError } from './command-io.ts';

/** How a command that threw ends: the exit code, and what goes to stderr (empty where all was said). */
export interface FailureReport {
  readonly exitCode: 0 | 1 | 2;
  readonly text: string;
}

/**
 * Sorts a thrown value into wrong usage (2, one line), an expected failure (1, one line), or a bug of
 * ours (1, a report with the stack). Help and version, which commander ends by throwing, are 0.
 */
export function reportFailure(error: unknown): FailureReport {
  if (error instanceof CommanderError) return reportCommanderError(error);
  if (error instanceof UsageError || error instanceof ConfigError) return { exitCode: 2, text: oneLine(error.message) };
  if (error instanceof DispatcherError) return { exitCode: 1, text: oneLine(error.message) };
  if (isSystemError(error)) return { exitCode: 1, text: oneLine(error.message) };
  return { exitCode: 1, text: bugReport(error) };
}

function reportCommanderError(error: CommanderError): FailureReport {
  if (error.exitCode === 0) return { exitCode: 0, text: '' };
  // No command was named: commander has written the help to stderr, and its message is only "(outputHelp)".
  if (error.code === 'commander.help') return { exitCode: 2, text: '' };
  return { exitCode: 2, text: oneLine(error.message.replace(/^error: /, '')) };
}

/** A refusal of the operating system, such as an address in use: the surroundings are at fault, not our code. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

function oneLine(message: string): string {
  return `daisychain: ${message.replace(/\s*\n\s*/g, ' ').trim()}\n`;
}

function bugReport(error: unknown): string {
  const lines = ['daisychain: this is a bug in daisychain; please report it with the lines below'];
  let current: unknown = error;
  // A chain of causes is short in practice; the bound keeps a cycle among them from hanging the report.
  for (let depth = 0; depth < 5 && current !== undefined; depth += 1) {
    const text = current instanceof Error ? (current.stack ?? current.message) : `thrown value: ${String(current)}`;
    lines.push(depth === 0 ? text : `caused by ${text}`);
    current = current instanceof Error ? current.cause : undefined;
  }
  return `${lines.join('\n')}\n`;
}
