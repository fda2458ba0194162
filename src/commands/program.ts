import { Command } from 'commander';
import type { CommandIo } from './command-io.ts';

type CommandBuilder = (io: CommandIo) => Command;

interface LazyCommand {
  readonly name: string;
  readonly summary: string;
  /** Imports the command's module: only the command that runs is loaded, so that `plan` never loads gRPC. */
  readonly load: () => Promise<CommandBuilder>;
}

/** Every command of the product, in the order of the help. */
export const COMMANDS: readonly LazyCommand[] = [
  {
    name: 'serve',
    summary: 'run the dispatcher',
    load: async () => (await import('./serve.ts')).buildServeCommand,
  },
  {
    name: 'agent',
    summary: 'run a server of blocks that joins a dispatcher',
    load: async () => (await import('./agent.ts')).buildAgentCommand,
  },
  {
    name: 'plan',
    summary: 'plan placement and chains of a swarm, offline',
    load: async () => (await import('./plan.ts')).buildPlanCommand,
  },
  {
    name: 'simulate',
    summary: 'replay a workload over plans and policies, and compare them',
    load: async () => (await import('./simulate.ts')).buildSimulateCommand,
  },
  {
    name: 'pull',
    summary: 'fetch a model into the cache',
    load: async () => (await import('./pull.ts')).buildPullCommand,
  },
  {
    name: 'status',
    summary: 'show the servers, chains and queue of a running dispatcher',
    load: async () => (await import('./status.ts')).buildStatusCommand,
  },
];

const EXAMPLES = `
Examples:
  daisychain serve --embedded-swarm            a dispatcher with four block servers on this machine
  daisychain serve --config daisychain.yaml    a dispatcher that other machines' servers join
  daisychain agent --dispatcher HOST:50051 --model tiny-austen --memory-bytes 4000000000
                                               a block server that joins a dispatcher
  daisychain plan swarm.json --json            the placement and chains of a swarm, offline
  daisychain simulate scenario.yaml            response times of several plans under one workload

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input.
'daisychain <command> --help' tells a command's flags.`;

/**
 * The command line, with the module of the command that `argv` names loaded and the others only listed.
 * Parsing throws (CommanderError, UsageError, ...) and never exits: `main.ts` turns it into an exit code.
 * @param argv the arguments after `node main.ts`
 */
export async function buildProgram(
  io: CommandIo,
  version: string,
  argv: readonly string[],
  commands: readonly LazyCommand[] = COMMANDS,
): Promise<Command> {
  const program = new Command('daisychain')
    .description('Dispatches requests for a language model to a swarm of servers that each host a span of its blocks.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'tell the flags')
    .addHelpText('after', EXAMPLES);
  const wanted = commandNamedIn(argv);
  for (const { name, summary, load } of commands) {
    const command = name === wanted ? (await load())(io) : new Command(name);
    program.addCommand(command.summary(summary));
  }
  throwInsteadOfExit(program, io);
  return program;
}

/** The command to load: the first operand, or the one after `help`. The program itself has no flag that takes a value. */
function commandNamedIn(argv: readonly string[]): string | undefined {
  const operands = argv.filter((argument) => !argument.startsWith('-'));
  return operands[0] === 'help' ? operands[1] : operands[0];
}

function throwInsteadOfExit(command: Command, io: CommandIo): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    // The message is in the thrown error; it is printed once, by the report of the failure.
    outputError: () => undefined,
  });
  for (const child of command.commands) throwInsteadOfExit(child, io);
}
