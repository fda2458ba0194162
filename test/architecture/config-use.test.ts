import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS } from '../../src/config/config-keys.ts';
import { codeOf, filesBelow } from './source-tree.ts';

describe('the configuration', () => {
  it('has no key that nothing reads', () => {
    const code = filesBelow('src')
      .filter((file) => file.endsWith('.ts') && (!file.startsWith('src/config/') || file === 'src/config/rules.ts'))
      .map(codeOf)
      .join('\n');
    const unread = [...CONFIG_KEYS.keys()].filter((path) => !new RegExp(`\\.${path.split('.')[1]}\\b`).test(code));
    // `http: { host, port } = config.http` reads keys without a dot before them.
    const taken = unread.filter(
      (path) =>
        !new RegExp(`\\{[^}]*\\b${path.split('.')[1]}\\b[^}]*\\}\\s*=\\s*config\\.${path.split('.')[0]}\\b`).test(code),
    );
    expect(taken).toEqual([]);
  });
});
