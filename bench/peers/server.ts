/** A peer's server: started by the harness on loopback with its own folder, stopped by its pid. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'

/** Where a peer listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export class PeerServer {
  readonly endpoint: Endpoint
  private readonly child: ChildProcess
  private readonly gone: Promise<void>

  constructor(endpoint: Endpoint, binary: string, words: readonly string[], user: User) {
    this.endpoint = endpoint
    this.child = spawn(binary, words, { stdio: 'ignore', ...user })
    this.gone = new Promise((resolve) => {
      this.child.once('exit', () => resolve())
      this.child.once('error', () => resolve())
    })
    process.once('exit', this.killNow)
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Ends it. @param signal SIGKILL as a crash would, others as it likes */
  async stop(signal: NodeJS.Signals): Promise<void> {
    process.off('exit', this.killNow)
    this.child.kill(signal)
    await this.gone
  }

  private readonly killNow = (): void => {
    this.child.kill('SIGKILL')
  }
}

/** Whom a server runs as: some refuse to run as root. */
export interface User {
  readonly uid?: number
  readonly gid?: number
}

/** An unprivileged user for a server; this one's own when it is unprivileged already. */
export function unprivilegedUser(...names: readonly string[]): User {
  if (process.getuid?.() !== 0) return {}
  for (const name of names) {
    const uid = idOf('-u', name)
    const gid = idOf('-g', name)
    if (uid !== undefined && gid !== undefined) return { uid, gid }
  }
  return {}
}

function idOf(flag: '-u' | '-g', name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' })
  return status === 0 ? Number(stdout.trim()) : undefined
}

/** Finds a program on the PATH and in further folders; `*` in a folder is any name, the last one first. */
export function findBinary(name: string, ...folders: readonly string[]): string | undefined {
  const all = [...(process.env['PATH'] ?? '').split(delimiter), ...folders.flatMap(expand)]
  return all.map((folder) => join(folder, name)).find(isProgram)
}

function expand(pattern: string): string[] {
  const [before, after] = pattern.split('*')
  if (after === undefined) return [pattern]
  try {
    const names = readdirSync(before!).sort((a, b) => Number(b) - Number(a))
    return names.map((name) => `${before!}${name}${after}`)
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A port nobody uses now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
