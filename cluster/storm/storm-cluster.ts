/**
 * A real cluster to be broken: three NATS servers, nodes as processes of their own, and between each
 * node and each server a link that can be cut.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { endsWithUs, LinkProxy, NatsServers } from '../../transport/nats/index.js'
import { ask } from '../crash/client.js'

/** Shards of the cluster. */
export const stormShards = 8

/** One node: the name stays, the processes come and go. */
export class StormNode {
  readonly name: string
  /** Where it listens; undefined while it does not. */
  url: string | undefined
  /** What it said on stderr, its newest end. */
  said = ''
  /** What its next process finds in its environment beside the usual. */
  environment: Readonly<Record<string, string>> = {}
  readonly links: readonly LinkProxy[]
  private readonly main: string
  private child: ChildProcess | undefined

  constructor(main: string, name: string, links: readonly LinkProxy[]) {
    this.main = main
    this.name = name
    this.links = links
  }

  get runs(): boolean {
    return this.child !== undefined
  }

  /** Starts a process and waits until it listens. @throws when it ends before */
  start(): Promise<void> {
    const servers = this.links.map(({ address }) => address).join(',')
    const child = spawn(
      process.execPath,
      [
        ...[this.main, 'start', '--nats', servers, '--cluster', 'storm', '--node', this.name],
        // Small, so that minutes meet snapshots and cut journals.
        ...['--port', '0', '--json', '--shards', String(stormShards), '--snapshot-kib', '64'],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        env: { ...process.env, ...this.environment },
      },
    )
    endsWithUs(child)
    this.child = child
    return new Promise((resolve, reject) => {
      let stdout = ''
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString()
        const found = /"event":"listening","url":"([^"]+)"/.exec(stdout)
        if (found === null || this.child !== child) return
        this.url = found[1]
        resolve()
      })
      child.stderr.on('data', (chunk: Buffer) => {
        this.said = (this.said + chunk.toString()).slice(-4_000)
      })
      child.once('exit', (code, signal) => {
        if (this.child === child) {
          this.child = undefined
          this.url = undefined
        }
        reject(new Error(`${this.name} ended with ${code ?? signal ?? '?'}: ${this.said}`))
      })
    })
  }

  /** Number of shards it serves now. */
  async served(): Promise<number> {
    if (this.url === undefined) return 0
    const answer = await ask(this.url, '/metrics')
    return answer?.text.match(/^suanpan_shard_ordinal\{/gm)?.length ?? 0
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal)
  }

  /** Ends it, politely or not, and waits until it has. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}

export class StormCluster {
  readonly servers: NatsServers
  readonly nodes: StormNode[] = []
  private readonly main: string

  private constructor(servers: NatsServers, main: string) {
    this.servers = servers
    this.main = main
  }

  static async start(main: string, size: number): Promise<StormCluster> {
    const servers = await NatsServers.start({ servers: 3, advertise: false })
    const cluster = new StormCluster(servers, main)
    try {
      for (let i = 1; i <= size; i++) await cluster.add()
      await Promise.all(cluster.nodes.map((node) => node.start()))
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** One more node, to be started. */
  async add(): Promise<StormNode> {
    const links = await Promise.all(this.servers.ports.map((port) => LinkProxy.open(port)))
    const node = new StormNode(this.main, `node-${this.nodes.length + 1}`, links)
    this.nodes.push(node)
    return node
  }

  /** Ends the newest node in good order; it does not come back. */
  async takeAway(): Promise<void> {
    const node = this.nodes.at(-1)
    await node?.end('SIGTERM')
    await Promise.all(node?.links.map((link) => link.close()) ?? [])
    this.nodes.pop()
  }

  /** Addresses that answer now, as far as is known. */
  get urls(): string[] {
    return this.nodes.flatMap(({ url }) => url ?? [])
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')))
    await Promise.all(this.nodes.flatMap(({ links }) => links.map((link) => link.close())))
    await this.servers.stop()
  }
}
