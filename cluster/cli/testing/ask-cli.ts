/**
 * Runs a command of the command line within this process, from source: for tests of what a command says and does. A
 * process of its own takes a third of a second to load; what a process does (its end, its signals, the pipes it writes
 * to) is told by tests that start one, see `cli-process.ts`.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { makeProgram } from '../program.js'
import { runCommand } from '../run-command.js'
import type { Finished } from './cli-process.js'

type Said = Record<'stdout' | 'stderr', string>

/** What is being asked: what a command writes is its own, however many are asked at once. */
const asked = new AsyncLocalStorage<Said>()

/** Asks a command, with these variables beside those of this process. One that serves needs a process of its own. */
export async function askCli(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const said: Said = { stdout: '', stderr: '' }
  const program = await makeProgram(words[0])
  const release = listen()
  try {
    const code = await asked.run(said, () =>
      withVariables(environment, () => runCommand(program, words)),
    )
    return { code, signal: null, ...said }
  } finally {
    release()
  }
}

/** Variables are read before anything is waited for: two that are asked at once have their own. */
function withVariables<T>(environment: Readonly<Record<string, string>>, run: () => T): T {
  const before = { ...process.env }
  Object.assign(process.env, environment)
  try {
    return run()
  } finally {
    for (const name of Object.keys(environment)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before[name]
    }
  }
}

let listening = 0
let restore = (): void => undefined

/** Takes what commands write from the streams of this process while any is asked; all else goes on to them. */
function listen(): () => void {
  if (listening++ === 0) {
    const restores = (['stdout', 'stderr'] as const).map(listenTo)
    restore = () => {
      for (const one of restores) one()
    }
  }
  return () => {
    if (--listening === 0) restore()
  }
}

function listenTo(name: keyof Said): () => void {
  const stream = process[name]
  const write = stream.write.bind(stream)
  const own = Object.getOwnPropertyDescriptor(stream, 'write')
  stream.write = ((...given: Parameters<typeof write>): boolean => {
    const said = asked.getStore()
    if (said === undefined) return write(...given)
    said[name] += typeof given[0] === 'string' ? given[0] : Buffer.from(given[0]).toString('utf8')
    const left = given.at(-1) as unknown
    if (typeof left === 'function') queueMicrotask(left as () => void)
    return true
  }) as typeof stream.write
  return () => {
    if (own === undefined) Reflect.deleteProperty(stream, 'write')
    else Object.defineProperty(stream, 'write', own)
  }
}
