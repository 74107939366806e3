/** `npm run crash`: kills real nodes under load, and checks what is left of what they acknowledged. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Command, Option } from 'commander'
import { jsonOption, whole } from '../cli/options.js'
import { packageFile } from '../cli/package-file.js'
import { Campaign, type Tally } from './campaign.js'
import { seeded } from './chance.js'
import { missingTools } from './faults.js'
import { appendResult, commitOf, type CampaignResult } from './results.js'

interface CrashOptions {
  readonly kills: number
  readonly seed: number
  readonly node: string
  readonly results: string
  readonly exhaustive?: boolean
  readonly json?: boolean
}

const seedMax = 2 ** 32 - 1
const progressMs = 5_000

const program = new Command('crash')
  .description(
    'Runs a real node under load over HTTP, ends it by signals and failing system calls at random ' +
      'moments, starts it again, and checks that nothing acknowledged is lost and nothing done twice.\n' +
      'The seed fixes which faults are drawn; the moments depend on the machine.',
  )
  .addOption(
    new Option('--kills <n>', 'end after so many kills').default(100).argParser(whole(1, 10 ** 6)),
  )
  .addOption(
    new Option('--seed <n>', 'draws the faults [by chance]')
      .default(Math.floor(Math.random() * seedMax))
      .argParser(whole(0, seedMax)),
  )
  .option('--node <file>', 'the node to try', packageFile('dist/bin/suanpan.js'))
  .option(
    '--results <file>',
    'file to add the result to',
    packageFile('cluster/crash/results.jsonl'),
  )
  .option('--exhaustive', 'instead flip every bit of a journal segment; takes minutes')
  .addOption(jsonOption())
  .action(async (options: CrashOptions) => {
    process.exitCode = options.exhaustive === true ? exhaust() : await crash(options)
  })

await program.parseAsync()

/** Runs the exhaustive form of the journal's tests. */
function exhaust(): number {
  const test = 'runtime/journal/file/exhaustion.test.ts'
  const done = spawnSync('npx', ['vitest', 'run', test], {
    cwd: dirname(packageFile('package.json')),
    stdio: 'inherit',
    env: { ...process.env, SUANPAN_EXHAUSTIVE: '1' },
  })
  return done.status ?? 1
}

async function crash(options: CrashOptions): Promise<number> {
  const missing = missingTools()
  if (missing !== undefined) {
    process.stderr.write(`crash: ${missing}\n`)
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), 'suanpan-crash-'))
  const at = new Date()
  let stopped = false
  process.once('SIGINT', () => (stopped = true))
  const seconds = (): number => (Date.now() - at.getTime()) / 1000
  let toldAt = 0
  const campaign = new Campaign({
    main: options.node,
    folder,
    chance: seeded(options.seed),
    onLife: (tally) => {
      if (seconds() * 1000 - toldAt < progressMs) return
      toldAt = seconds() * 1000
      process.stderr.write(`${words(tally, seconds())}\n`)
    },
    onViolation: ({ type, sentence }) => {
      process.stderr.write(`crash: VIOLATION ${type}: ${sentence}\n`)
    },
  })
  const tally = await campaign.run(options.kills, () => stopped)
  rmSync(folder, { recursive: true, force: true })
  const commit = commitOf(dirname(options.node))
  const result: CampaignResult = {
    ...{ campaign: 'crash', at: at.toISOString(), commit, seed: options.seed },
    ...{ seconds: Math.round(seconds()), ...tally },
  }
  appendResult(options.results, result)
  process.stdout.write(`${options.json === true ? JSON.stringify(result) : summary(result)}\n`)
  return tally.violations === 0 ? 0 : 1
}

function words(tally: Tally, seconds: number): string {
  const rate = (tally.kills / seconds).toFixed(2)
  return `${Math.round(seconds)} s: ${tally.kills} kills (${rate}/s), ${tally.acknowledged} acknowledged, ${tally.unknown} unknown, ${tally.violations} violations`
}

function summary(result: CampaignResult): string {
  const faults = Object.entries(result.faults).sort(([, a], [, b]) => b - a)
  return [
    `Seed ${result.seed}: ${words(result, result.seconds)}; lost ${result.lost}, doubled ${result.doubled}; ${result.verified} folders verified offline.`,
    ...faults.map(([name, count]) => `  ${name.padEnd(20)} ${count}`),
  ].join('\n')
}
