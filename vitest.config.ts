// Tests stand beside the code. `suanpan` and its subpaths resolve to the built package, because
// worker threads load compiled modules: tests that use threads or processes test what users get.
import { defineConfig } from 'vitest/config'

const dist = (path: string): string => new URL(`./dist/${path}`, import.meta.url).pathname

export default defineConfig({
  resolve: {
    alias: [
      { find: /^suanpan$/, replacement: dist('runtime/index.js') },
      { find: /^suanpan\/payments$/, replacement: dist('actors/index.js') },
      { find: /^suanpan\/testing$/, replacement: dist('runtime/simulation/index.js') },
      { find: /^suanpan\/gateway$/, replacement: dist('transport/gateway/index.js') },
      { find: /^suanpan\/bench$/, replacement: dist('bench/index.js') },
    ],
  },
  test: {
    include: ['{runtime,actors,transport,cluster,bench}/**/*.test.ts'],
    reporters: ['default', new URL('./.ci/plain-reporter.mjs', import.meta.url).pathname],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
