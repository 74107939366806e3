/**
 * Real NATS servers on this machine, for laptops, benches and tests: one, or a cluster of three, as
 * processes of their own on loopback, which can be killed, restarted and paused one by one.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endsWithUs } from './ends-with-us.js'
import { freePorts } from './free-ports.js'
import { natsServerProgram } from './nats-server.js'

export interface NatsServersOptions {
  /** @default 1 */
  readonly servers?: 1 | 3
  /** @default true */
  readonly syncAlways?: boolean
  /** More configuration, such as accounts. */
  readonly config?: string
  /** Runs the shipped configuration file as it is, with the passwords it wants in the environment. */
  readonly shipped?: { readonly file: string; readonly passwords: Readonly<Record<string, string>> }
  readonly maxPayloadBytes?: number
  /** Whether clients are told of the other servers. @default true */
  readonly advertise?: boolean
  /** Where they keep what they are given; it stays. @default a temporary folder, removed at the end */
  readonly folder?: string
}

interface Server {
  readonly name: string
  readonly port: number
  readonly monitoringPort: number
  readonly clusterPort: number
  /** Folder of what it keeps. */
  readonly store: string
  /** What its program is started with. */
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  child: ChildProcess | undefined
  output: string
  /** Whether its end was asked for. */
  ending: boolean
}

/** A server that ended and was not asked to. */
interface ServerDeath {
  readonly index: number
  readonly name: string
  /** Its signal, or its exit code and what it said last. */
  readonly how: string
}

/** How long servers may take to become healthy. */
const patienceMs = 45_000
const lookMs = 25

export class NatsServers {
  /** To be removed at the end. */
  private readonly folder: string | undefined
  private readonly program: string
  private readonly servers: readonly Server[]
  private died: (death: ServerDeath) => void = () => undefined

  private constructor(folder: string | undefined, program: string, servers: readonly Server[]) {
    this.folder = folder
    this.program = program
    this.servers = servers
  }

  /** Starts servers and waits until they are healthy. */
  static async start(options: NatsServersOptions = {}): Promise<NatsServers> {
    const program = await natsServerProgram()
    for (let tries = 1; ; tries++) {
      const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'suanpan-nats-')))
      const servers = await configured(folder, options)
      const temporary = options.folder === undefined ? folder : undefined
      const cluster = new NatsServers(temporary, program, servers)
      try {
        for (const server of servers) cluster.spawn(server)
        await cluster.healthy()
        return cluster
      } catch (error) {
        await cluster.stop()
        // A port may have been taken in between.
        if (tries === 3) throw error
      }
    }
  }

  /** Addresses for clients. */
  get addresses(): string[] {
    return this.servers.map(({ port }) => `nats://127.0.0.1:${port}`)
  }

  get ports(): number[] {
    return this.servers.map(({ port }) => port)
  }

  get monitoring(): string[] {
    return this.servers.map(({ monitoringPort }) => `http://127.0.0.1:${monitoringPort}`)
  }

  /** Process ids of the servers that run. */
  get pids(): number[] {
    return this.servers.flatMap(({ child }) => child?.pid ?? [])
  }

  /** Waits until every server that runs is healthy and up to date. */
  async healthy(): Promise<void> {
    const running = this.servers.filter(({ child }) => child !== undefined)
    await until(`servers to be healthy`, async () => {
      for (const server of running) {
        if (server.child === undefined) throw new Error(`A server ended: ${server.output}`)
        if ((await this.look(server, '/healthz'))?.ok !== true) return false
      }
      return true
    })
  }

  /** Calls `listener` for each server that ends without having been asked to, from now on. */
  onDeath(listener: (death: ServerDeath) => void): void {
    this.died = listener
  }

  /** Ends a server without a word. */
  async kill(index: number): Promise<void> {
    const server = this.at(index)
    server.ending = true
    const { child } = server
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** Starts a server again that was killed, on what it had kept. */
  restart(index: number): void {
    this.spawn(this.at(index))
  }

  /** Starts a server again that was killed, on an empty disk, and waits until it has a copy of everything again. */
  async replace(index: number): Promise<void> {
    const server = this.at(index)
    await rm(server.store, { recursive: true, force: true, maxRetries: 5 })
    this.spawn(server)
    await until(`${server.name} to be given its copies`, async () => {
      const counts = await Promise.all(this.servers.map((one) => this.streamsAt(one)))
      return counts[index]! > 0 && counts[index] === Math.max(...counts)
    })
    await this.healthy()
  }

  /** Makes a server stand still. */
  pause(index: number): void {
    this.at(index).child?.kill('SIGSTOP')
  }

  resume(index: number): void {
    this.at(index).child?.kill('SIGCONT')
  }

  /** The server that leads a stream; waits while there is none. */
  async leaderOf(stream: string): Promise<number> {
    let leader = -1
    await until(`a leader of ${stream}`, async () => {
      for (const server of this.servers) {
        if (server.child === undefined) continue
        const response = await this.look(server, '/jsz?streams=true&accounts=true')
        const name = response === undefined ? undefined : leaderIn(await response.json(), stream)
        leader = this.servers.findIndex((other) => other.name === name)
        if (leader >= 0 && this.at(leader).child !== undefined) return true
      }
      return false
    })
    return leader
  }

  /** Ends all servers and removes what they kept. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map((_, index) => this.kill(index)))
    if (this.folder !== undefined) {
      await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  private async streamsAt(server: Server): Promise<number> {
    const answer = await this.look(server, '/jsz')
    return answer === undefined ? 0 : ((await answer.json()) as { streams: number }).streams
  }

  private at(index: number): Server {
    const server = this.servers[index]
    if (server === undefined) throw new Error(`there is no server ${index}`)
    return server
  }

  private spawn(server: Server): void {
    const child = spawn(this.program, server.words, {
      env: { ...process.env, ...server.environment },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own: Ctrl-C ends the nodes first, and the servers after them.
      detached: true,
    })
    server.child = child
    server.output = ''
    server.ending = false
    endsWithUs(child)
    child.stderr.on('data', (bytes: Buffer) => {
      server.output = (server.output + bytes.toString()).slice(-4_000)
    })
    const ended = (how: string): void => {
      if (server.child !== child) return
      server.child = undefined
      if (server.ending) return
      this.died({ index: this.servers.indexOf(server), name: server.name, how })
    }
    child.once('exit', (code, signal) => {
      ended(signal ?? `code ${String(code)}${lastLine(server.output)}`)
    })
    child.once('error', ({ message }) => {
      server.output = message
      ended(message)
    })
  }

  private async look(server: Server, path: string): Promise<Response | undefined> {
    try {
      const signal = AbortSignal.timeout(2_000)
      return await fetch(`http://127.0.0.1:${server.monitoringPort}${path}`, { signal })
    } catch {
      return undefined
    }
  }
}

function lastLine(output: string): string {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  return line === '' ? '' : `: ${line}`
}

interface JsZ {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string
      readonly cluster?: { readonly leader?: string }
    }[]
  }[]
}

function leaderIn(answer: unknown, stream: string): string | undefined {
  const details = (answer as JsZ).account_details ?? []
  return details
    .flatMap(({ stream_detail }) => stream_detail ?? [])
    .find(({ name }) => name === stream)?.cluster?.leader
}

async function configured(folder: string, options: NatsServersOptions): Promise<Server[]> {
  const count = options.servers ?? 1
  const ports = await freePorts(3 * count)
  const places = Array.from({ length: count }, (_, i) => ({
    name: `n${i + 1}`,
    port: ports[3 * i]!,
    monitoringPort: ports[3 * i + 1]!,
    clusterPort: ports[3 * i + 2]!,
  }))
  const servers: Server[] = []
  for (const place of places) {
    const { words, environment } =
      options.shipped === undefined
        ? { words: ['-c', await written(folder, place, places, options)], environment: {} }
        : shippedFor(options.shipped, folder, place, places)
    servers.push({
      ...place,
      store: join(folder, place.name),
      words,
      environment,
      child: undefined,
      output: '',
      ending: false,
    })
  }
  return servers
}

type Place = Pick<Server, 'name' | 'port' | 'monitoringPort' | 'clusterPort'>

/** Writes the configuration of a server. @returns its file */
async function written(
  folder: string,
  { name, port, monitoringPort, clusterPort }: Place,
  places: readonly Place[],
  options: NatsServersOptions,
): Promise<string> {
  const routes = places.map((other) => `nats-route://127.0.0.1:${other.clusterPort}`)
  const lines = [
    `server_name: ${name}`,
    `listen: 127.0.0.1:${port}`,
    `http: 127.0.0.1:${monitoringPort}`,
    `max_payload: ${options.maxPayloadBytes ?? 1024 * 1024}`,
    `jetstream { store_dir: "${join(folder, name)}"`,
    ...(options.syncAlways === false ? [] : ['sync_interval: always']),
    '}',
    ...(places.length === 1
      ? []
      : [
          `cluster { name: test, listen: 127.0.0.1:${clusterPort}`,
          ...(options.advertise === false ? ['no_advertise: true'] : []),
          `routes: [${routes.join(', ')}] }`,
        ]),
    options.config ?? '',
  ]
  const file = join(folder, `${name}.conf`)
  await writeFile(file, lines.join('\n'))
  return file
}

/** The shipped file, with addresses in its place: words win over what a file says. */
function shippedFor(
  { file, passwords }: NonNullable<NatsServersOptions['shipped']>,
  folder: string,
  { name, port, monitoringPort, clusterPort }: Place,
  places: readonly Place[],
): Pick<Server, 'words' | 'environment'> {
  const login = `route:${passwords['NATS_ROUTE_PASSWORD'] ?? ''}`
  const routes = places.map((other) => `nats-route://${login}@127.0.0.1:${other.clusterPort}`)
  const listen = ['-a', '127.0.0.1', '-p', String(port), '-m', String(monitoringPort)]
  return {
    words: ['-c', file, ...listen, '--cluster', `nats://${login}@127.0.0.1:${clusterPort}`],
    environment: {
      ...passwords,
      NATS_SERVER_NAME: name,
      NATS_STORE_DIR: join(folder, name),
      NATS_ROUTES: `[${routes.join(', ')}]`,
    },
  }
}

/** Looks again and again until a condition holds. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = Date.now() + patienceMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited for ${what}, in vain`)
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}
