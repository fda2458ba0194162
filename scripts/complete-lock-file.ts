/**
 * Adds to package-lock.json the optional per-platform packages that the registry used for
 * `npm install` did not carry (a mirror may hold only this machine's platform).
 *
 * Without these entries `npm ci` stops with "EUSAGE Missing: ... from lock file" on every
 * registry, a full one included. An entry needs no tarball address: npm looks it up only on the
 * platform that it names. Run after every change of the dependencies: `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockEntry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const LOCK_FILE = new URL('../package-lock.json', import.meta.url);
const OPERATING_SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'wasm32'];

const lock = JSON.parse(readFileSync(LOCK_FILE, 'utf8')) as { packages: Record<string, LockEntry> };
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const isPresent = `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
    if (isPresent) continue;
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...platformOf(name),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(LOCK_FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`package-lock.json: ${added} per-platform entries added\n`);

/** os, cpu and libc of a binary package, read off its name (for instance `core-linux-arm-gnueabihf`). */
function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> {
  const parts = name.slice(name.indexOf('/') + 1).split('-');
  const os = OPERATING_SYSTEMS.filter((candidate) => parts.includes(candidate));
  const cpu = PROCESSORS.filter((candidate) => parts.includes(candidate));
  const isMusl = parts.some((part) => part.startsWith('musl'));
  const isGlibc = parts.some((part) => part.startsWith('gnu'));
  return {
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(isMusl ? { libc: ['musl'] } : isGlibc ? { libc: ['glibc'] } : {}),
    ...(os.length > 0 ? { os } : {}),
  };
}
