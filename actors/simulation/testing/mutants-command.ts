/** A command that plants bugs: `[--only NAME,…] [--seeds N] [--fast] [--jobs N]`. */
import { Command } from 'commander'
import { commit } from './commit.js'
import {
  recordResults,
  runMutants,
  selectMutants,
  type MutantResult,
  type Planting,
} from './run-mutants.js'

interface Flags {
  readonly only?: string
  readonly seeds: string
  readonly jobs?: string
  readonly fast: boolean
}

function lineOf({ name, finding, seconds, trouble }: MutantResult): string {
  const said = trouble !== '' ? `TROUBLE ${trouble}` : 'SURVIVED'
  const found = finding && `${finding.oracle} at seed ${finding.seed}: ${finding.sentence}`
  return `${name.padEnd(34)} ${(found ?? said).slice(0, 160)} (${seconds} s)`
}

/** The command line. */
export async function mutantsCommand(planting: Planting): Promise<void> {
  const program = new Command('mutants')
    .description('Plants bugs in a copy of the build and says which oracle finds each.')
    .option('--only <names>', 'these alone, separated by commas')
    .option('--seeds <n>', 'seeds tried before a mutant counts as survived', '1000')
    .option('--jobs <n>', 'how many at a time: one a core')
    .option('--fast', 'only those that a few seeds catch', false)
    .action(async ({ only, seeds, jobs, fast }: Flags) => {
      const mutants = selectMutants(planting.mutants, only?.split(',') ?? [], fast)
      const found = await runMutants(mutants, {
        ...planting,
        seeds: Number(seeds),
        ...(jobs === undefined ? {} : { jobs: Number(jobs) }),
        onResult: (result) => {
          process.stdout.write(`${lineOf(result)}\n`)
        },
      })
      const caught = found.results.filter(({ finding }) => finding !== undefined).length
      for (const { seed, sentence } of found.uncleanSeeds) {
        process.stdout.write(`Seed ${seed} fails without any mutant: ${sentence}\n`)
      }
      process.stdout.write(`${caught} of ${found.results.length} mutants caught.\n`)
      if (only === undefined && !fast)
        recordResults(planting.results, commit(), Number(seeds), found)
      if (caught < found.results.length || found.uncleanSeeds.length > 0) process.exitCode = 1
    })

  await program.parseAsync()
}
