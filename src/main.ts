#!/usr/bin/env node
/**
 * The `daisychain` command line, and the only file that may end the process. Everything but Node's own
 * modules is imported after the check of the Node version, so that an old Node gets a sentence, not a stack.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';

const OLDEST_NODE_MAJOR = 24;

const nodeMajor = Number(process.versions.node.split('.')[0]);
if (nodeMajor < OLDEST_NODE_MAJOR) {
  process.stderr.write(
    `daisychain: needs Node ${OLDEST_NODE_MAJOR} or newer, this is ${process.version}; ` +
      'install it from https://nodejs.org, or run through `npm run daisychain --`, which brings its own\n',
  );
  process.exit(1);
}

// Keeps compiled code between runs: `plan` starts in 175 ms instead of 225, and so do the agents of an embedded swarm.
module.enableCompileCache?.();

const { buildProgram } = await import('./commands/program.ts');
const { reportFailure } = await import('./commands/failure-report.ts');

process.on('uncaughtException', endWith);
process.on('unhandledRejection', endWith);
// A reader that leaves early (`daisychain plan FILE | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  error.code === 'EPIPE' ? process.exit(0) : endWith(error),
);

const argv = process.argv.slice(2);
try {
  const program = await buildProgram(
    {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      setExitCode: (code) => {
        process.exitCode = code;
      },
    },
    productVersion(),
    argv,
  );
  await program.parseAsync(argv, { from: 'user' });
  // Rather than when nothing is left to do: Node's own tear-down waits for requests on sockets, and loses count of
  // some that were reset; it then never ends, at full load.
  await Promise.all([process.stdout, process.stderr].map(flushed));
  process.exit();
} catch (error) {
  endWith(error);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

function endWith(error: unknown): never {
  const { exitCode, text } = reportFailure(error);
  process.stderr.write(text);
  process.exit(exitCode);
}

function productVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
