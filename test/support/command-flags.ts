import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { COMMANDS } from '../../src/commands/program.ts';

/** The command that the words begin with, as commander knows it; undefined where there is none. */
export async function commandNamed(name: string): Promise<Command | undefined> {
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry === undefined) return undefined;
  const build = await entry.load();
  const stream = new PassThrough().resume();
  return build({ stdout: stream, stderr: stream, env: {}, setExitCode: () => undefined });
}

/**
 * What is wrong with a command line of the product, without running it: an unknown command or flag, a value that a
 * flag refuses, a required flag or argument that is missing. Empty when it would start.
 * @param words everything after `daisychain`
 */
export async function problemOfCommandLine(words: readonly string[]): Promise<string> {
  const [name = '', ...args] = words;
  const command = await commandNamed(name);
  if (command === undefined) return `there is no command '${name}'`;
  command.exitOverride().configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  let started = false;
  command.action(() => {
    started = true;
  });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    return `${words.join(' ')}: ${(error as Error).message}`;
  }
  return started ? '' : `${words.join(' ')}: does not start`;
}
