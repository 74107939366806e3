/**
 * The payment campaign up to its first finding: what the runner of mutants starts in a copy of the
 * build. Ends with 0 when all seeds are clean; with 1 and the finding as one line of JSON otherwise.
 */
import { Command } from 'commander'
import { paymentOracles } from '../judge.js'
import { simulate } from '../kit.js'
import { paymentWorkload } from '../workload.js'

interface Flags {
  readonly seeds: string
  readonly from: string
}

/** What ends a campaign. */
interface FirstFinding {
  readonly seed: number
  readonly oracle: string
  readonly sentence: string
}

/** Payment rules stand before a colon in their sentences; the kit's own do not. */
function findingOf(seed: number, sentence: string): FirstFinding {
  const [, oracle, rest] = /^([a-z-]+): (.*)$/s.exec(sentence) ?? []
  return { seed, oracle: oracle ?? 'kit', sentence: rest ?? sentence }
}

async function firstFinding(from: number, seeds: number): Promise<FirstFinding | undefined> {
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const { violations } = await simulate({
        seed,
        short: true,
        workload: paymentWorkload,
        oracles: [paymentOracles],
      })
      const [sentence] = violations
      if (sentence !== undefined) return findingOf(seed, sentence)
    } catch (error) {
      // A run that breaks in itself is a finding too: something reached what nothing may reach.
      return { seed, oracle: 'kit', sentence: (error as Error).message }
    }
  }
  return undefined
}

const program = new Command('campaign')
  .option('--seeds <n>', 'how many', '1000')
  .option('--from <seed>', 'the first', '1')
  .action(async ({ seeds, from }: Flags) => {
    const finding = await firstFinding(Number(from), Number(seeds))
    if (finding === undefined) return
    process.stdout.write(`${JSON.stringify(finding)}\n`)
    process.exitCode = 1
  })

await program.parseAsync()
