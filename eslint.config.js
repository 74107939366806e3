// Lint: strict types, and the arrows of the house as errors:
// bench → cluster → gateway → actors → runtime → transport (codec and links), each entered by its index.
import eslint from '@eslint/js'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import importX from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/** What each room may import, by the path an import names. A path with a room's name crosses into it. */
const rooms = {
  transport: [],
  runtime: ['transport'],
  actors: ['runtime'],
  'transport/gateway': ['transport', 'runtime', 'actors'],
  // The entry that loads the NATS client, lazily: embedded use never does.
  cluster: [
    'transport',
    'runtime',
    'actors',
    'transport/gateway',
    'transport/nats',
    'runtime/simulation',
    'actors/simulation',
    'actors/simulation/testing',
  ],
  bench: ['transport', 'runtime', 'actors', 'transport/gateway', 'transport/nats', 'cluster'],
  // Payment workloads and oracles plug into the simulation kit as a user's would.
  'actors/simulation': ['runtime', 'runtime/simulation'],
}
const names = ['bench', 'cluster', 'actors', 'runtime', 'transport']

function arrows(room, more = []) {
  const doors = [...rooms[room], ...more].map((other) => `${other}/index\\.js$`)
  // The harness measures the journal without actors, which no user of the package may.
  if (room === 'bench') doors.push('runtime/internal\\.js$')
  const allowed = doors.join('|')
  const forbidden = `^(\\.\\./)+(?:${names.join('|')})/`
  return {
    regex:
      allowed === '' ? forbidden : `^(?!(\\.\\./)+(?:${allowed}))(\\.\\./)+(?:${names.join('|')})/`,
    message: `${room} may import ${rooms[room].join(', ') || 'no other room'}, through index.js only.`,
  }
}

/** Core code takes time, chance and I/O from the Env port. */
const machine = {
  regex: '^node:(?!path$|zlib$|worker_threads$)',
  message: 'Core code touches the machine through Env only.',
}

/** The simulation kit is for tests and for its own command. */
const kit = {
  regex: '^\\.{1,2}/(?:.*/)?simulation/',
  message: 'Production code does not load the simulation kit.',
}

const core = {
  'no-restricted-globals': [
    'error',
    ...[
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'performance',
      'process',
      'crypto',
    ].map((name) => ({ name, message: 'Core code takes time, chance and I/O from Env only.' })),
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'Use turn.random() or env.chance.' },
    { object: 'Date', property: 'now', message: 'Use turn.now or env.clock.' },
  ],
}

const tests = ['**/*.test.ts', '**/testing/**', '**/*.contract.ts']

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'data', '.ci', 'coverage'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })],
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Here are no enums of our own to guard, nor may there be; the look at every assignment takes long.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals, or a const object.' },
      ],
      // Typed arrays and frames are read by index behind a bounds check that stands above.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70 }],
    },
  },
  ...Object.keys(rooms).map((room) => ({
    files: [`${room}/**/*.ts`],
    ignores: room === 'transport' ? ['transport/gateway/**'] : [],
    rules: { 'no-restricted-imports': ['error', { patterns: [arrows(room)] }] },
  })),
  ...['runtime', 'actors'].map((room) => ({
    files: [`${room}/**/*.ts`],
    // The kernel of the simulation is the event loop there; its command line is outside of it.
    ignores: [
      'runtime/env/**',
      'runtime/simulation/kernel.ts',
      'actors/simulation/main.ts',
      ...tests,
    ],
    rules: {
      ...core,
      'no-restricted-imports': ['error', { patterns: [arrows(room), machine, kit] }],
    },
  })),
  {
    files: ['actors/simulation/**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [arrows('actors/simulation', ['runtime/testing'])] },
      ],
    },
  },
  {
    files: ['runtime/simulation/**/*.ts', 'actors/simulation/**/*.ts'],
    ignores: ['actors/simulation/**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [arrows('actors/simulation')] }] },
  },
  {
    files: ['runtime/simulation/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [arrows('runtime'), machine] }] },
  },
  // Tests of what runs on NATS run on real servers too.
  ...['runtime', 'cluster'].map((room) => ({
    files: tests.map((pattern) => `${room}/${pattern}`),
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [arrows(room, ['transport/nats', 'transport/nats/testing'])] },
      ],
    },
  })),
  {
    files: tests,
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 700 }],
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly' } },
  },
)
