/** The tree of commands. Each command's file adds itself; nothing is decided here. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addReplay } from './commands/replay.js'
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
  addReplay(program)
  addVerify(program)
  return program
}

function versionOf(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string
  }
  return version
}
