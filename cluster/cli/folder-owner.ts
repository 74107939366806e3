/** Who owns a folder of `suanpan dev`, one process at a time: two sets of NATS servers would write into the same files. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeEnv, type Env } from '../../runtime/index.js'
import { CommandFailed } from './problem.js'

type ProcessIdentity = Env['processes']['self']

const fileName = 'owner.json'

/**
 * Takes a folder for this process, from one that is gone if need be.
 * @returns a function that gives it back
 * @throws CommandFailed data_dir_in_use
 */
export function ownFolder(folder: string): () => void {
  const { processes } = nodeEnv()
  const file = join(folder, fileName)
  const owner = ownerIn(file)
  if (owner !== undefined && ['running', 'paused'].includes(processes.fate(owner))) {
    throw new CommandFailed(
      'data_dir_in_use',
      `The process ${owner.pid} runs a cluster in ${folder} already; stop it, or name another folder with --data.`,
    )
  }
  writeFileSync(file, JSON.stringify(processes.self))
  return () => {
    rmSync(file, { force: true })
  }
}

/** @returns undefined when nobody has said so, or nothing that can be read */
function ownerIn(file: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt, place } = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
    return typeof pid === 'number' && typeof startedAt === 'string'
      ? { pid, startedAt, place }
      : undefined
  } catch {
    return undefined
  }
}
