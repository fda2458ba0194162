import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../.cache/prometheus', import.meta.url));

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/**
 * Prometheus and promtool: those on the PATH, or those of Debian's package, unpacked under .cache once; nothing is
 * installed, and no service starts. Undefined on a machine that has neither them nor apt-get.
 */
export function findPrometheus(): PrometheusPrograms | undefined {
  if (isProgram('prometheus') && isProgram('promtool')) return { prometheus: 'prometheus', promtool: 'promtool' };
  const bin = join(CACHE, 'usr', 'bin');
  if (!existsSync(join(bin, 'promtool'))) {
    if (!isProgram('apt-get') || !isProgram('dpkg-deb')) return undefined;
    mkdirSync(CACHE, { recursive: true });
    // Package lists may be old or missing; without root the ones that are there must do.
    if (process.getuid?.() === 0) spawnSync('apt-get', ['-qq', 'update'], { stdio: 'inherit', timeout: 120_000 });
    run('apt-get', ['-qq', 'download', 'prometheus']);
    const archive = readdirSync(CACHE).find((name) => name.startsWith('prometheus_'));
    if (archive === undefined) throw new Error('apt-get left no package of prometheus');
    run('dpkg-deb', ['-x', archive, '.']);
  }
  return { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') };
}

function isProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore', timeout: 10_000 }).error === undefined;
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: CACHE, stdio: 'inherit', timeout: 120_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}
