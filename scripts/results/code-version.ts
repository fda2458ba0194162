import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const DATA = ['data/ripe-atlas-eu-rtt.csv', 'data/azure-llm-code-2023.csv'];

/**
 * A fingerprint of what outcomes come from: one file, all that it imports, those files' imports and so
 * on, and the data. Outcomes of other code are never taken for this one's.
 * @param file relative to the repository
 */
export function codeVersion(file: string): string {
  const hash = createHash('sha256');
  const files = [...importedFiles(new URL(file, ROOT)), ...DATA.map((name) => new URL(name, ROOT).href)];
  for (const url of files.sort()) hash.update(url.slice(ROOT.href.length)).update(readFileSync(new URL(url)));
  return hash.digest('hex').slice(0, 16);
}

function importedFiles(start: URL): Set<string> {
  const found = new Set<string>();
  const left = [start];
  for (let url = left.pop(); url !== undefined; url = left.pop()) {
    if (found.has(url.href)) continue;
    found.add(url.href);
    const imports = readFileSync(url, 'utf8').matchAll(/^(?:import|export|\}) (?:.* )?from '(\.[^']+)';$/gm);
    for (const [, path = ''] of imports) left.push(new URL(path, url));
  }
  return found;
}
