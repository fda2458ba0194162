import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Makes the Python environment of the PETALS servers before the first test; at once when it is there. */
export default function makeEnvironment(): void {
  const script = fileURLToPath(new URL('../../../scripts/petals/make_environment.py', import.meta.url));
  execFileSync('python3', [script], { stdio: 'inherit' });
}
