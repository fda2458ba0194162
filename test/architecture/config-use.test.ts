import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, SHORT_NAMES } from '../../src/config/config-keys.ts';
import { codeOf, filesBelow, read } from './source-tree.ts';

const files = filesBelow('src').filter(
  // The rules between keys read them; the rest of the folder only describes them.
  (file) => file.endsWith('.ts') && (!file.startsWith('src/config/') || file === 'src/config/rules.ts'),
);
const code = files.map(codeOf).join('\n');
const text = files.map(read).join('\n');

/** Whether a key is read as `config.section.key`, or its short variable by a command that has no configuration. */
function isRead(path: string): boolean {
  const variables = SHORT_NAMES.filter(({ paths }) => paths.includes(path)).map(({ variable }) => variable);
  return isTakenFromItsSection(path) || variables.some((variable) => text.includes(`env['${variable}']`));
}

function isTakenFromItsSection(path: string): boolean {
  const [section = '', name = ''] = path.split('.');
  return (
    new RegExp(`\\b${section}\\.${name}\\b`).test(code) ||
    // `const { host, port } = config.http`
    new RegExp(`\\{[^}]*\\b${name}\\b[^}]*\\}\\s*=\\s*config\\.${section}\\b`).test(code)
  );
}

describe('the configuration', () => {
  it('has no key that nothing reads', () => {
    expect([...CONFIG_KEYS.keys()].filter((path) => !isRead(path))).toEqual([]);
  });
});
