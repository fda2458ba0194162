import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const COMMITTED = 'src/adapters/wire/generated';

async function filesOf(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

it('has generated types that agree with the contracts (npm run proto:types)', async () => {
  const scripts = (
    JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  ).scripts;
  const fresh = await mkdtemp(join(tmpdir(), 'proto-types-'));
  try {
    const command = (scripts['proto:types'] ?? '').replace(COMMITTED, fresh);
    expect(command).toContain(fresh);
    const [tool = '', ...flags] = command.split(' ');
    await promisify(execFile)(process.execPath, [join(ROOT, 'node_modules/.bin', tool), ...flags], { cwd: ROOT });
    expect(await filesOf(join(ROOT, COMMITTED))).toEqual(await filesOf(fresh));
  } finally {
    await rm(fresh, { recursive: true });
  }
});
