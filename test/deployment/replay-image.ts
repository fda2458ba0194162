/**
 * `npm run image:replay`: follows the Dockerfile's steps in an empty folder, without a container engine, then starts
 * the commands of docker-compose.yml from what came out and asks for a completion. Minutes long, as it installs the
 * packages twice; needs the package registry.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { filledIn } from '../support/compose-file.ts';
import { environmentOf, type Instruction, readDockerfile, type Stage } from '../support/dockerfile.ts';

interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-image-'));
const children: ChildProcess[] = [];
try {
  const stages = readDockerfile(path.join(ROOT, 'Dockerfile'));
  for (const stage of stages) buildStage(stage);
  await runServices(stages.at(-1) as Stage);
  process.stdout.write('the image builds, starts, is healthy and answers\n');
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined)));
  rmSync(folder, { recursive: true, force: true });
}

/** The folder that stands for a path inside a stage. */
function inside(stage: string, target: string, workFolder = '/'): string {
  return path.join(folder, stage, path.resolve(workFolder, target));
}

function buildStage(stage: Stage): void {
  let workFolder = '/';
  for (const instruction of stage.instructions) {
    const { name, words, text } = instruction;
    if (name === 'WORKDIR') {
      workFolder = words[0] ?? '/';
      mkdirSync(inside(stage.name, workFolder), { recursive: true });
    } else if (name === 'COPY') {
      copy(stage, instruction, workFolder);
    } else if (name === 'RUN') {
      process.stdout.write(`[${stage.name}] ${text}\n`);
      execFileSync('sh', ['-ec', text], {
        cwd: inside(stage.name, workFolder),
        stdio: 'inherit',
        env: cleanEnvironment(),
      });
    }
  }
}

function copy(stage: Stage, { words, flags }: Instruction, workFolder: string): void {
  const from = flags['from'];
  const target = words.at(-1) ?? '.';
  for (const source of words.slice(0, -1)) {
    const sourcePath = from === undefined ? path.join(ROOT, source) : inside(from, source);
    const isIntoFolder = target.endsWith('/') || target === '.';
    const targetPath = inside(stage.name, isIntoFolder ? path.join(target, path.basename(source)) : target, workFolder);
    cpSync(sourcePath, targetPath, { recursive: true, filter: (file) => from !== undefined || !isIgnored(file) });
  }
}

/** Whether .dockerignore keeps a file of the repository from the builder, beyond what it does not list at all. */
function isIgnored(file: string): boolean {
  const patterns = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').split('\n');
  const relative = path.relative(ROOT, file);
  return patterns.some((pattern) => /^[\w.]/.test(pattern) && path.matchesGlob(relative, pattern));
}

/** Nothing of npm's own run of this script, and the Node that runs it first. */
function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:npm_|INIT_CWD|NODE_ENV|DAISYCHAIN_)/.test(name));
  const env = Object.fromEntries(kept) as Record<string, string>;
  return { ...env, PATH: `${path.dirname(process.execPath)}:${env['PATH'] ?? ''}` };
}

async function runServices(final: Stage): Promise<void> {
  const services = (
    parse(readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: Record<string, ComposeService>;
    }
  ).services;
  const dispatcher = services['dispatcher'] as ComposeService;
  // Inside the container the fixed ports are its own; here any free ones.
  const env: Record<string, string> = {
    ...filledIn(dispatcher.environment),
    DAISYCHAIN_HOST: '127.0.0.1',
    DAISYCHAIN_HTTP_PORT: '0',
    DAISYCHAIN_GRPC_PORT: '0',
  };
  const server = start(final, dispatcher.command ?? [], env);
  const [, http = '', grpc = ''] = await lineMatching(server, /HTTP http:\/\/\S+?:(\d+), gRPC \S+?:(\d+)/);
  for (const [name, { command, environment }] of Object.entries(services)) {
    if (command?.[0] !== 'agent') continue;
    const local = command.map((word) =>
      word === 'dispatcher:50051' ? `127.0.0.1:${grpc}` : word.replace(/^0\.0\.0\.0:\d+$/, '0.0.0.0:0'),
    );
    process.stdout.write(`[${name}] ${local.join(' ')}\n`);
    start(final, local, filledIn(environment));
  }
  await until(async () => (await fetch(`http://127.0.0.1:${http}/readyz`)).ok, 'the dispatcher never became ready');
  checkHealth(final, http);
  const answer = await fetch(`http://127.0.0.1:${http}/v1/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${env['DAISYCHAIN_SECURITY__API_KEYS']}`,
    },
    body: JSON.stringify({ model: 'default', prompt: 'It is a truth', max_tokens: 8 }),
  });
  const body = (await answer.json()) as { usage?: { completion_tokens?: number } };
  if (!answer.ok || body.usage?.completion_tokens !== 8)
    throw new Error(`no completion: ${answer.status} ${JSON.stringify(body)}`);
}

/** Starts the image's entry point with other arguments, as `docker run` does. */
function start(final: Stage, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const [program = '', ...before] = final.instructions.find(({ name }) => name === 'ENTRYPOINT')?.words ?? [];
  const child = spawn(program, [...before, ...args], {
    cwd: inside(final.name, '/app'),
    env: {
      ...cleanEnvironment(),
      ...environmentOf(final),
      DAISYCHAIN_CACHE_DIR: inside(final.name, '/app/cache'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** The image's own health check must pass where the dispatcher listens, and fail where nothing does. */
function checkHealth(final: Stage, port: string): void {
  const check = final.instructions.find(({ name }) => name === 'HEALTHCHECK');
  const [program = '', ...args] = JSON.parse(/CMD (\[.*\])$/.exec(check?.text ?? '')?.[1] ?? '[]') as string[];
  const run = (httpPort: string) =>
    execFileSync(program, args, { env: { ...cleanEnvironment(), DAISYCHAIN_HTTP_PORT: httpPort } });
  run(port);
  let failed = false;
  try {
    run('1');
  } catch {
    failed = true;
  }
  if (!failed) throw new Error('the health check passes where nothing listens');
}

async function lineMatching(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  let match: RegExpExecArray | null = null;
  await until(async () => {
    match = pattern.exec(text);
    return match !== null;
  }, `no line like ${pattern.source}`);
  return match as unknown as RegExpExecArray;
}

async function until(isDone: () => Promise<boolean>, failure: string): Promise<void> {
  const limit = performance.now() + READY_TIMEOUT_MS;
  while (!(await isDone())) {
    const dead = children.find(({ exitCode }) => exitCode !== null);
    if (dead !== undefined) throw new Error(`${dead.spawnargs.join(' ')} ended with ${dead.exitCode}`);
    if (performance.now() > limit) throw new Error(failure);
    await sleep(200);
  }
}
