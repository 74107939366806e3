// Tests stand beside the code. `suanpan` and its subpaths resolve to the built package, because
// worker threads load compiled modules: tests that use threads or processes test what users get.
import { execFileSync } from 'node:child_process'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The first of a thousand seeds nobody has simulated yet, below 2^32. */
    freshSeed: number
  }
}

const dist = (path: string): string => new URL(`./dist/${path}`, import.meta.url).pathname

/** Each commit tries seeds of its own, and tries them again when it is tested again. */
function freshSeed(): number {
  return 2 ** 31 + (commitNumber() % 2_000_000) * 1_000
}

function commitNumber(): number {
  try {
    const words = ['rev-parse', '--short=8', 'HEAD']
    const hash = execFileSync('git', words, { encoding: 'utf8', stdio: 'pipe' })
    return parseInt(hash.slice(0, 8), 16)
  } catch {
    // Outside a repository: seeds of this moment.
    return Math.floor(Date.now() / 1_000)
  }
}

/** Files of half a minute and more, the longest first. */
const longest = [
  'lint.test.ts',
  'actors/simulation/payments-simulation.test.ts',
  'cluster/storm/storm.test.ts',
  'bench/bench.test.ts',
  'runtime/simulation/simulate.test.ts',
  'actors/simulation/mutants/fast-mutants.test.ts',
  'cluster/simulation/mutants/fast-mutants.test.ts',
  'cluster/cli/commands/start.test.ts',
  'cluster/cli/commands/bucket-regressed.test.ts',
  'cluster/cli/commands/backup.test.ts',
  'cluster/cli/commands/replay.test.ts',
  'cluster/simulation/cluster-simulation.test.ts',
  'cluster/crash/crash.test.ts',
  'cluster/supervisor/supervisor.test.ts',
]

/** Begins with what takes longest, so that all workers end together. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((file) => moduleId.endsWith(`/${file}`))
      return place < 0 ? longest.length : place
    }
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b))
  }
}

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
    include: ['{runtime,actors,transport,cluster,bench}/**/*.test.ts', 'lint.test.ts'],
    reporters: ['default', new URL('./.ci/plain-reporter.mjs', import.meta.url).pathname],
    provide: { freshSeed: freshSeed() },
    // Far more than anything takes: tests wait for conditions, also on a slow machine.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    sequence: { sequencer: LongestFirst },
    // Files of a worker share its modules: none keeps anything at their top level.
    isolate: false,
    pool: 'forks',
    // As many as the cores that CI has: with one more, servers take so long that tests give them up.
    maxWorkers: 2,
    // Cores are at work already: threads of V8 beside them would only take turns with the tests.
    execArgv: ['--single-threaded'],
  },
})
