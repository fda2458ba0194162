// The layers of docs/architecture.md: imports point inward, domain <- application <- adapters; a command alone sees all.
const onlyFrom = (name, from, allowed, extra = {}) => ({
  name,
  severity: 'error',
  comment: `${from} may import ${allowed.join(', ')} only`,
  from: { path: `^src/${from}/`, ...extra },
  to: { path: '^src/', pathNot: allowed.map((folder) => `^src/${folder}`) },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    onlyFrom('domain-is-pure', 'domain', ['domain/']),
    {
      name: 'domain-has-no-packages',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'] },
    },
    onlyFrom('simulation-sees-domain', 'simulation', ['simulation/', 'domain/']),
    onlyFrom('language-model-sees-domain', 'language-model', ['language-model/', 'domain/']),
    onlyFrom('block-server-sees-domain', 'block-server', [
      'block-server/',
      'language-model/weights/',
      'language-model/runtime/',
      'domain/',
    ]),
    onlyFrom('planner-sees-ports', 'planner', [
      'planner/',
      'application/ports/',
      'simulation/',
      'language-model/runtime/',
      'domain/',
    ]),
    onlyFrom('config-sees-domain', 'config', ['config/', 'domain/']),
    onlyFrom('application-sees-domain', 'application', ['application/', 'domain/']),
    onlyFrom('adapters-see-application', 'adapters', ['adapters/', 'application/', 'domain/']),
    {
      name: 'no-sibling-adapters',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: ['^src/adapters/$1/', '^src/adapters/wire/'] },
    },
    {
      name: 'no-sibling-transports',
      severity: 'error',
      from: { path: '^src/adapters/chain-transport/([^/]+)/' },
      to: { path: '^src/adapters/chain-transport/[^/]+/', pathNot: '^src/adapters/chain-transport/$1/' },
    },
    {
      name: 'commands-are-the-top',
      severity: 'error',
      from: { pathNot: '^src/(commands/|main\\.ts)' },
      to: { path: '^src/commands/' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'] },
  },
};
