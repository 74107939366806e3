/**
 * A campaign up to its first finding: what the runner of mutants starts in a copy of the build. Ends
 * with 0 when all seeds are clean; with 1 and the finding as one line of JSON otherwise.
 */
import { Command } from 'commander'
import type { RunResult } from '../kit.js'

interface Flags {
  readonly seeds: string
  readonly from: string
  readonly first?: string
}

/** What ends a campaign. */
export interface Finding {
  readonly seed: number
  readonly oracle: string
  readonly sentence: string
}

type Run = (seed: number) => Promise<Pick<RunResult<string>, 'violations'>>

/** The command line of such a campaign. */
export async function findFirst(run: Run): Promise<void> {
  const program = new Command('campaign')
    .option('--seeds <n>', 'how many', '1000')
    .option('--from <seed>', 'where they begin', '1')
    .option('--first <seed>', 'tried before them')
    .action(async ({ seeds, from, first }: Flags) => {
      const row = Array.from({ length: Number(seeds) }, (_, i) => Number(from) + i)
      const finding = await firstFinding(run, first === undefined ? row : [Number(first), ...row])
      if (finding !== undefined) tell(finding)
    })
  await program.parseAsync()
}

async function firstFinding(run: Run, seeds: readonly number[]): Promise<Finding | undefined> {
  let running = NaN
  // What nobody handles ends a node, and here the campaign.
  process.once('uncaughtException', (error) => {
    tell(brokenAt(running, error))
    process.exit()
  })
  for (const seed of seeds) {
    running = seed
    try {
      const [sentence] = (await run(seed)).violations
      if (sentence !== undefined) return findingOf(seed, sentence)
    } catch (error) {
      return brokenAt(seed, error)
    }
  }
  return undefined
}

/** A run that breaks in itself is a finding too: something reached what nothing may reach. */
function brokenAt(seed: number, error: unknown): Finding {
  return { seed, oracle: 'kit', sentence: error instanceof Error ? error.message : String(error) }
}

function tell(finding: Finding): void {
  process.stdout.write(`${JSON.stringify(finding)}\n`)
  process.exitCode = 1
}

/** Rules with a name stand before a colon in their sentences; the kit's own do not. */
function findingOf(seed: number, sentence: string): Finding {
  const [, oracle, rest] = /^([a-z-]+): (.*)$/s.exec(sentence) ?? []
  return { seed, oracle: oracle ?? 'kit', sentence: rest ?? sentence }
}
