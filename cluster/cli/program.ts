/**
 * The tree of commands. Each command's file adds itself; nothing is decided here but which files are
 * loaded: that of the command which is asked for, or all of them to tell what there is.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { examples } from './options.js'
import { packageFile } from './package-file.js'

type Add = (program: Command) => void

const clusterWords = ['nodes', 'shards', 'move', 'drain', 'undrain', 'rebalance']

/** By the first word, in the order of the help text. */
const commands: readonly (readonly [words: readonly string[], load: () => Promise<Add>])[] = [
  [['start'], async () => (await import('./commands/start.js')).addStart],
  [['status'], async () => (await import('./commands/status.js')).addStatus],
  [['verify'], async () => (await import('./commands/verify.js')).addVerify],
  [['backup'], async () => (await import('./commands/backup.js')).addBackup],
  [['replay'], async () => (await import('./commands/replay.js')).addReplay],
  [['accounts'], async () => (await import('./commands/accounts.js')).addAccounts],
  [['payments'], async () => (await import('./commands/payments.js')).addPayments],
  [['quarantine'], async () => (await import('./commands/quarantine.js')).addQuarantine],
  [['keys'], async () => (await import('./commands/keys.js')).addKeys],
  [['bench'], async () => (await import('./commands/bench.js')).addBench],
  [clusterWords, async () => (await import('./commands/cluster.js')).addCluster],
  [['config'], async () => (await import('./commands/config.js')).addConfig],
  [['top'], async () => (await import('./commands/top.js')).addTop],
  [['upgrade'], async () => (await import('./commands/upgrade.js')).addUpgrade],
  [['dev'], async () => (await import('./commands/dev.js')).addDev],
]

/** @param asked the first word of the command line */
export async function makeProgram(asked: string | undefined): Promise<Command> {
  const program = new Command('suanpan')
    .description(
      'Suanpan runs payments: durable, exactly once, conserved.\n' +
        'Exit codes: 0 done, 1 failed, 2 wrong usage.',
    )
    .version(versionOf())
    .showHelpAfterError(false)
    .exitOverride()
    // Errors are printed in one place, with their code (see main.ts).
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      'after',
      examples(
        'suanpan start --sample',
        'suanpan payments pay alice starbucks 35.00 CNY',
        'suanpan replay card-transactions.csv.gz',
        'suanpan verify --data ./data',
      ),
    )
  const wanted = commands.filter(([words]) => words.includes(asked ?? ''))
  for (const [, load] of wanted.length > 0 ? wanted : commands) {
    const add = await load()
    add(program)
  }
  return program
}

function versionOf(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string
  }
  return version
}
