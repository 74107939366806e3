/** A peer's server: started by the harness on loopback with its own folder, stopped by its pid. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { endsWithUs, freePorts } from '../../transport/nats/index.js'
import { BenchFailed } from '../harness/bench-failed.js'

/** Where a peer listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** How a server is started. */
export interface Launch {
  readonly binary: string
  readonly words: (endpoint: Endpoint) => readonly string[]
  readonly user: User
}

const lookMs = 50
const errorCharsMax = 2_000

export class PeerServer {
  readonly endpoint: Endpoint
  private readonly child: ChildProcess
  private readonly gone: Promise<void>
  private errors = ''

  private constructor(endpoint: Endpoint, { binary, words, user }: Launch) {
    this.endpoint = endpoint
    this.child = spawn(binary, words(endpoint), { stdio: ['ignore', 'ignore', 'pipe'], ...user })
    this.child.stderr!.on('data', (bytes: Buffer) => {
      this.errors = (this.errors + bytes.toString()).slice(-errorCharsMax)
    })
    this.gone = new Promise((resolve) => {
      // Not "exit": what it said last comes after that.
      this.child.once('close', () => resolve())
      this.child.once('error', (error) => {
        this.errors += error.message
        resolve()
      })
    })
    endsWithUs(this.child)
  }

  /**
   * Starts a server and waits until it listens. One that ends instead is started again for a while: its
   * port was just taken, or, after a kill, processes of its predecessor still hold what it needs
   * (PostgreSQL: "pre-existing shared memory block is still in use").
   * @param patience how long it may take to listen, milliseconds
   * @throws BenchFailed when it does not, with what it said
   */
  static async start(launch: Launch, patience = 60_000): Promise<PeerServer> {
    const end = Date.now() + patience
    let said = 'it says nothing'
    for (;;) {
      const [port] = await freePorts(1)
      const server = new PeerServer({ host: '127.0.0.1', port: port! }, launch)
      if (await server.listens(end)) return server
      await server.stop('SIGKILL')
      said = server.errors.trim() || said
      if (Date.now() > end) throw new BenchFailed(`${launch.binary} does not start: ${said}`)
      await pause(lookMs)
    }
  }

  /** Ends it. @param signal SIGKILL as a crash would, others as it likes */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal)
    await this.gone
  }

  /** Waits for it to listen. @returns false when it ended or took too long */
  private async listens(end: number): Promise<boolean> {
    while (this.running && Date.now() <= end) {
      if (await accepts(this.endpoint)) return this.running
      await pause(lookMs)
    }
    return false
  }

  private get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }
}

function accepts({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
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
