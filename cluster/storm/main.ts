/** `npm run storm`: breaks a real cluster for some minutes, and checks what is left. */
import { appendFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Command, Option } from 'commander'
import { jsonOption, whole } from '../cli/options.js'
import { packageFile } from '../cli/package-file.js'
import { seeded } from '../crash/chance.js'
import { commitOf } from '../crash/results.js'
import { Storm, stormFaults, type StormFault, type StormTally } from './storm.js'

interface StormWords {
  readonly minutes: number
  readonly nodes: number
  readonly seed: number
  readonly only?: StormFault
  readonly script?: keyof typeof scripts
  readonly json?: boolean
}

/** Planned work instead of chance: once, however long it takes. */
const scripts = { join: ['join_node'], rolling: ['rolling_restart'] } as const

const seedMax = 2 ** 32 - 1
const results = packageFile('cluster/storm/results.jsonl')

await new Command('storm')
  .description(
    'Starts three NATS servers and several nodes, puts a bank’s load on them over HTTP, and kills, ' +
      'pauses, cuts and slows one of them after the other. At the end nothing acknowledged may be lost, ' +
      'nothing done twice, no read stale.',
  )
  .option('--minutes <n>', 'how long', whole(1, 10_000), 5)
  .option('--nodes <n>', 'nodes to start', whole(3, 9), 3)
  .addOption(
    new Option('--seed <n>', 'draws the faults [by chance]')
      .default(Math.floor(Math.random() * seedMax))
      .argParser(whole(0, seedMax)),
  )
  .addOption(new Option('--only <fault>', 'this fault alone').choices(stormFaults))
  .addOption(
    new Option('--script <name>', 'planned work under load, once, instead of faults')
      .choices(Object.keys(scripts))
      .conflicts('only'),
  )
  .addOption(jsonOption())
  .action(async (words: StormWords) => {
    process.exitCode = await storm(words)
  })
  .parseAsync()

async function storm({ minutes, nodes, seed, only, script, json }: StormWords): Promise<number> {
  const at = new Date()
  const begun = performance.now()
  const say = (line: string): void => {
    process.stderr.write(`${Math.round((performance.now() - begun) / 1000)} s: ${line}\n`)
  }
  say(`seed ${seed}: ${minutes} minutes, ${nodes} nodes, three NATS servers`)
  let asked = false
  process.once('SIGINT', () => {
    asked = true
  })
  const tally = await Storm.run(
    {
      main: packageFile('dist/bin/suanpan.js'),
      nodes,
      chance: seeded(seed),
      ...(only === undefined ? {} : { script: Array<StormFault>(100_000).fill(only) }),
      ...(script === undefined ? {} : { script: scripts[script] }),
      onFault: (fault, { violations }) => {
        say(`${fault} survived, ${violations} violations`)
      },
      onViolation: (sentence) => {
        say(`VIOLATION ${sentence}`)
      },
    },
    () => asked || performance.now() - begun > minutes * 60_000,
  )
  const result = {
    campaign: 'storm',
    at: at.toISOString(),
    commit: commitOf(dirname(packageFile('package.json'))),
    seed,
    minutes: Math.round((performance.now() - begun) / 6_000) / 10,
    nodes,
    ...tally,
    failoverSeconds: undefined,
    failover: failoverOf(tally),
  }
  appendFileSync(results, `${JSON.stringify(result)}\n`)
  process.stdout.write(
    `${json === true ? JSON.stringify(result) : JSON.stringify(result, null, 2)}\n`,
  )
  return tally.violations === 0 ? 0 : 1
}

/** By fault: how often, the median, the 99th percentile and the longest, in seconds. */
function failoverOf({ failoverSeconds }: StormTally): Record<string, object> {
  return Object.fromEntries(
    Object.entries(failoverSeconds).map(([fault, seconds]) => {
      const sorted = seconds.toSorted((a, b) => a - b)
      const at = (share: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
      return [fault, { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) }]
    }),
  )
}
