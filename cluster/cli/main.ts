#!/usr/bin/env -S node --max-semi-space-size=64 --heap-growing-percent=100
/**
 * Entry of `suanpan`: runs one command and ends with its exit code. The only place that prints errors.
 */
import { CommanderError, type Command } from 'commander'
import { exitCodes } from './exit-codes.js'
import { Output } from './output.js'
import { makeProgram } from './program.js'

/** ms a command that failed may take to end by itself. */
const leftOverMs = 500

const words = process.argv.slice(2)
const program = await makeProgram(words[0])
const output = new Output(words.includes('--json'))

/** Commands that own a data folder, or a whole cluster, go on when nobody listens any more: they end when told. */
const owners: ReadonlySet<string> = new Set(['start', 'replay', 'dev'])

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (owners.has(words[0] ?? '')) return
  // A reader that went away (`suanpan … | head`) is no error of ours; a full disk behind `>` is one.
  process.exit(error.code === 'EPIPE' ? exitCodes.done : output.failure(error))
})
// What can't be said to anybody is left unsaid.
process.stderr.on('error', () => undefined)

try {
  await program.parseAsync(words, { from: 'user' })
} catch (error) {
  process.exitCode = endOf(error)
  // Sockets to servers that never answered would keep a failed command from ending.
  setTimeout(() => process.exit(), leftOverMs).unref()
}

function endOf(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version were asked for and printed.
    if (error.exitCode === 0) return exitCodes.done
    // Help of a group without its command: the help itself says what is missing.
    if (error.code === 'commander.help') return exitCodes.usage
    const code = output.failure(error)
    output.note(`Try: ${askedCommand(program, words)} --help`)
    return code
  }
  return output.failure(error)
}

/** The command the user got to, to name its help. */
function askedCommand(root: Command, asked: readonly string[]): string {
  let command = root
  let name = root.name()
  for (const word of asked) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined) break
    command = next
    name += ` ${next.name()}`
  }
  return name
}
