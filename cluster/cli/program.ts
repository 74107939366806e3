/** The tree of commands. Each command's file adds itself; nothing is decided here. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAccounts } from './commands/accounts.js'
import { addCluster } from './commands/cluster.js'
import { addConfig } from './commands/config.js'
import { addDev } from './commands/dev.js'
import { addTop } from './commands/top.js'
import { addBench } from './commands/bench.js'
import { addKeys } from './commands/keys.js'
import { addPayments } from './commands/payments.js'
import { addQuarantine } from './commands/quarantine.js'
import { addReplay } from './commands/replay.js'
import { addStart } from './commands/start.js'
import { addStatus } from './commands/status.js'
import { addUpgrade } from './commands/upgrade.js'
import { addVerify } from './commands/verify.js'
import { examples } from './options.js'
import { packageFile } from './package-file.js'

export function makeProgram(): Command {
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
  addStart(program)
  addStatus(program)
  addVerify(program)
  addReplay(program)
  addAccounts(program)
  addPayments(program)
  addQuarantine(program)
  addKeys(program)
  addBench(program)
  addCluster(program)
  addConfig(program)
  addTop(program)
  addUpgrade(program)
  addDev(program)
  return program
}

function versionOf(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string
  }
  return version
}
