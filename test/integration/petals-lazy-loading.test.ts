import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Packages of libp2p that a process resolves while it runs the code. */
function loadedPackages(code: string): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const seen = new Set();
    registerHooks({ resolve: (name, context, next) => {
      if (/^(?:libp2p|@libp2p|@chainsafe|@multiformats)/.test(name)) seen.add(name);
      return next(name, context);
    } });
    ${code}
    console.log(JSON.stringify([...seen]));
    process.exit(0);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT }).toString();
  return JSON.parse(output.trim().split('\n').at(-1) ?? '[]') as string[];
}

it('loads nothing of libp2p into commands until a PETALS server is dialled', () => {
  expect(loadedPackages(`await import('./src/commands/program.ts');`)).toEqual([]);
});

it('loads libp2p with the first dial', () => {
  const code = `
    const { PetalsNetwork } = await import('./src/adapters/wire/petals/petals-network.ts');
    const peer = '/ip4/127.0.0.1/tcp/1/p2p/QmXyAQSYVwR6rrWcgv9W6LVNYr1YZooG7gdWpMvrmr7NVG';
    await new PetalsNetwork().openStream(peer, 'x', AbortSignal.timeout(5_000)).catch(() => {});`;
  expect(loadedPackages(code)).toContain('libp2p');
});
