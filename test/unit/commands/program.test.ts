import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CommandIo } from '../../../src/commands/command-io.ts';
import { reportFailure } from '../../../src/commands/failure-report.ts';
import { buildProgram, COMMANDS } from '../../../src/commands/program.ts';

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly loaded: readonly string[];
  readonly failure: ReturnType<typeof reportFailure> | undefined;
}

/** Runs a command line over two commands made for the test. */
async function run(...argv: string[]): Promise<Run> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const io: CommandIo = { stdout, stderr, env: {}, setExitCode: () => undefined };
  const loaded: string[] = [];
  const commandNamed = (name: string) => ({
    name,
    summary: `summary of ${name}`,
    load: async () => {
      loaded.push(name);
      return (given: CommandIo) =>
        new Command(name)
          .option('--count <n>', 'a number', (value) => {
            if (!/^\d+$/.test(value)) throw new InvalidArgumentError('must be an integer.');
            return Number(value);
          })
          .action(() => {
            given.stdout.write(`${name} ran\n`);
          });
    },
  });
  let failure: Run['failure'];
  try {
    const program = await buildProgram(io, '1.2.3', argv, [commandNamed('grow'), commandNamed('shrink')]);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    failure = reportFailure(error);
  }
  stdout.end();
  stderr.end();
  return { stdout: await text(stdout), stderr: await text(stderr), loaded, failure };
}

describe('the command line', () => {
  it('loads only the command that it runs', async () => {
    const { stdout, loaded, failure } = await run('shrink');
    expect(stdout).toBe('shrink ran\n');
    expect(loaded).toEqual(['shrink']);
    expect(failure).toBeUndefined();
  });

  it('lists every command in its help and loads none', async () => {
    const { stdout, loaded, failure } = await run('--help');
    expect(stdout).toContain('summary of grow');
    expect(stdout).toContain('summary of shrink');
    expect(stdout).toContain('Examples:');
    expect(loaded).toEqual([]);
    expect(failure?.exitCode).toBe(0);
  });

  it.each([
    ['grow', '--help'],
    ['help', 'grow'],
  ])('tells the flags of a command for "%s %s"', async (...argv) => {
    const { stdout, failure } = await run(...argv);
    expect(stdout).toContain('--count <n>');
    expect(failure?.exitCode).toBe(0);
  });

  it('prints the version', async () => {
    const { stdout, failure } = await run('--version');
    expect(stdout).toBe('1.2.3\n');
    expect(failure?.exitCode).toBe(0);
  });

  it.each([
    { argv: ['shrnk'], message: "daisychain: unknown command 'shrnk' (Did you mean shrink?)\n" },
    { argv: ['grow', '--cuont', '3'], message: "daisychain: unknown option '--cuont' (Did you mean --count?)\n" },
    {
      argv: ['grow', '--count', 'x'],
      message: "daisychain: option '--count <n>' argument 'x' is invalid. must be an integer.\n",
    },
    { argv: ['grow', 'surplus'], message: 'daisychain: too many arguments for' },
  ])('answers $argv with one line and exit code 2', async ({ argv, message }) => {
    const { stdout, stderr, failure } = await run(...argv);
    expect(failure?.exitCode).toBe(2);
    expect(failure?.text).toContain(message);
    expect(failure?.text.trimEnd()).not.toContain('\n');
    expect(stdout + stderr).toBe('');
  });

  it('shows the help on stderr when no command is named, and exits 2', async () => {
    const { stdout, stderr, failure } = await run();
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: daisychain');
    expect(failure).toEqual({ exitCode: 2, text: '' });
  });
});

describe('the commands of the product', () => {
  it.each(COMMANDS)('$name loads and is named as it is called', async ({ name, load }) => {
    const build = await load();
    const io: CommandIo = {
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      env: {},
      setExitCode: () => undefined,
    };
    const command = build(io);
    expect(command.name()).toBe(name);
    expect(command.description()).not.toBe('');
  });
});
