// Lint: strict types, and the arrows of the house (imports run one way) as errors.
import eslint from '@eslint/js'
import boundaries from 'eslint-plugin-boundaries'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import importX from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'data', '.ci', 'coverage'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { boundaries, 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })],
      'import/resolver': { typescript: { project: './tsconfig.json' } },
      'boundaries/elements': [
        { type: 'gateway', pattern: 'transport/gateway', mode: 'folder' },
        { type: 'transport', pattern: 'transport', mode: 'folder' },
        { type: 'runtime', pattern: 'runtime', mode: 'folder' },
        { type: 'actors', pattern: 'actors', mode: 'folder' },
        { type: 'cluster', pattern: 'cluster', mode: 'folder' },
        { type: 'bench', pattern: 'bench', mode: 'folder' },
      ],
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
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
      'boundaries/element-types': [
        'error',
        {
          default: 'disallow',
          message: 'Imports run one way: bench → cluster → gateway → actors → runtime → transport.',
          rules: [
            { from: 'transport', allow: ['transport'] },
            { from: 'runtime', allow: ['runtime', 'transport'] },
            { from: 'actors', allow: ['actors', 'runtime'] },
            { from: 'gateway', allow: ['gateway', 'actors', 'runtime', 'transport'] },
            { from: 'cluster', allow: ['cluster', 'gateway', 'actors', 'runtime', 'transport'] },
            { from: 'bench', allow: ['*'] },
          ],
        },
      ],
      'boundaries/entry-point': [
        'error',
        {
          default: 'disallow',
          message: 'Enter another folder through its index.ts only.',
          rules: [{ target: ['*'], allow: 'index.ts' }],
        },
      ],
    },
  },
  {
    files: ['runtime/**/*.ts', 'actors/**/*.ts'],
    ignores: ['runtime/env/**', '**/*.test.ts', '**/testing/**', '**/*.contract.ts'],
    rules: {
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
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^node:(?!path$|zlib$|worker_threads$)',
              message: 'Core code touches the machine through Env only.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/testing/**', '**/*.contract.ts'],
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
