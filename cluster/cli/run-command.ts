/** Runs one command: the words of a command line in, its exit code out. Errors are printed here and nowhere else. */
import { CommanderError, type Command } from 'commander'
import { exitCodes, type ExitCode } from './exit-codes.js'
import { Output } from './output.js'

/**
 * @param program of `makeProgram`; reads the environment before this returns
 * @returns 0, or the exit code of the error that was printed
 */
export async function runCommand(program: Command, words: readonly string[]): Promise<ExitCode> {
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return endOf(error, program, words)
  }
}

function endOf(error: unknown, program: Command, words: readonly string[]): ExitCode {
  const output = new Output(words.includes('--json'))
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
