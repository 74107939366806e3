#!/usr/bin/env -S node --max-semi-space-size=64 --heap-growing-percent=100
/** Entry of `suanpan`: runs one command and ends with its exit code. */
import { exitCodes } from './exit-codes.js'
import { Output } from './output.js'
import { makeProgram } from './program.js'
import { runCommand } from './run-command.js'

/** ms a command that failed may take to end by itself. */
const leftOverMs = 500

const words = process.argv.slice(2)
const program = await makeProgram(words[0])

/** Commands that own a data folder, or a whole cluster, go on when nobody listens any more: they end when told. */
const owners: ReadonlySet<string> = new Set(['start', 'replay', 'dev'])

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (owners.has(words[0] ?? '')) return
  // A reader that went away (`suanpan … | head`) is no error of ours; a full disk behind `>` is one.
  process.exit(
    error.code === 'EPIPE' ? exitCodes.done : new Output(words.includes('--json')).failure(error),
  )
})
// What can't be said to anybody is left unsaid.
process.stderr.on('error', () => undefined)

const code = await runCommand(program, words)
if (code !== exitCodes.done) {
  process.exitCode = code
  // Sockets to servers that never answered would keep a failed command from ending.
  setTimeout(() => process.exit(), leftOverMs).unref()
}
