/**
 * One simulated node: the real folder, client and shard threads, wired as `runtime.ts` wires them, on
 * simulated links. Each of its threads is a {@link ShardThread} as a worker runs it.
 */
import type { ActorModule } from '../actor/define-actor.js'
import type { ShardStatus, SilentPair } from '../actor/client.js'
import { Backups, type BackupReport } from '../backup/backups.js'
import { Kinds } from '../actor/kinds.js'
import { Fault } from '../errors.js'
import { openFolder, type JournalFolder, type LaneEnd } from '../journal/file/index.js'
import { limits } from '../limits.js'
import { KeyedHash } from '../messaging/keyed-hash.js'
import { RequestClient } from '../request-client.js'
import { ShardThread } from '../threads/shard-thread.js'
import type { Order, ThreadStart } from '../threads/thread-protocol.js'
import type { Link } from '../../transport/index.js'
import { clientPair, peerPair, type Network, type PeerPair } from './network.js'
import type { SimulatedProcess } from './process.js'

/** What a node runs with. */
export interface NodeOptions {
  readonly dataDir: string
  readonly actors: ActorModule
  readonly settings: Readonly<Record<string, unknown>>
  readonly threads: number
  readonly nearCalls: boolean
  readonly shards: number
  readonly segmentBytes: number
  readonly snapshotJournalBytes: number
  readonly mailboxMessages: number
  readonly requestTimeoutMs: number
  readonly keyRetentionMs: number
  readonly takeOver: boolean
}

/** ms a thread has no time for an order of a backup at most. */
const busyMsMax = 300

/** Who wants to know what happens to a node. */
export interface NodeListener {
  /** The folder is adopted: what counts is decided, nothing was served yet. */
  opened(folder: JournalFolder): Promise<void>
  /** A batch leaves for another thread. */
  peerBatch(bytes: Uint8Array): void
  answers(bytes: Uint8Array): void
  report(event: string, detail: Record<string, unknown>): void
  /** The node stopped serving for good. */
  failed(error: Error): void
}

export class SimulatedNode {
  readonly process: SimulatedProcess
  readonly pairs: PeerPair[] = []
  client!: RequestClient
  folder!: JournalFolder
  serving = false
  private readonly options: NodeOptions
  private readonly network: Network
  private readonly listener: NodeListener
  private threads: ShardThread[] = []
  private backups!: Backups

  constructor(
    process: SimulatedProcess,
    options: NodeOptions,
    network: Network,
    listener: NodeListener,
  ) {
    this.process = process
    this.options = options
    this.network = network
    this.listener = listener
  }

  /** Opens the folder, recovers, serves. @throws OpenRefused, Fault */
  async start(): Promise<void> {
    const { options, process } = this
    const { dataDir, shards, segmentBytes, takeOver } = options
    this.folder = await openFolder(process.env, { dataDir, shards, segmentBytes, takeOver })
    try {
      await this.startThreads()
      await this.folder.adopt()
      await this.listener.opened(this.folder)
      await this.all({ type: 'openLane' })
      await this.all({ type: 'greet' })
      await this.all({ type: 'serve' })
      const { plan } = this.folder
      this.backups = new Backups({
        env: process.env,
        plan,
        order: (order) => this.allInTime(order),
      })
      this.serving = true
    } catch (error) {
      this.folder.stopHeartbeat()
      throw error
    }
  }

  async status(): Promise<ShardStatus[]> {
    const statuses = (await this.all({ type: 'status' })) as ShardStatus[][]
    return statuses.flat().sort((a, b) => a.shard - b.shard)
  }

  /** Compares all pairs of shards. @returns those that stayed silent */
  async comparePairs(wait: () => Promise<void>, tries: number): Promise<SilentPair[]> {
    await this.all({ type: 'comparePairs' })
    for (let left = tries; ; left--) {
      const silent = ((await this.all({ type: 'silentPairs' })) as SilentPair[][]).flat()
      if (silent.length === 0 || left === 0) return silent
      await wait()
    }
  }

  async snapshot(): Promise<void> {
    await this.all({ type: 'snapshot' })
  }

  /** @throws Fault */
  backup(target: string): Promise<BackupReport> {
    return this.backups.make(target)
  }

  async close(): Promise<void> {
    const backupEnded = this.backups.end(new Fault('closed'))
    await this.client.drain()
    await backupEnded
    this.client.end(new Fault('closed'))
    const ends = (await this.all({ type: 'seal' })) as LaneEnd[]
    await this.folder.close(ends)
    this.serving = false
  }

  private all(order: Order): Promise<unknown[]> {
    return Promise.all(this.threads.map((thread) => thread.obey(order)))
  }

  /** As orders come to threads that are busy: to each when it has time for it. */
  private allInTime(order: Order): Promise<unknown[]> {
    const { timers, chance } = this.process.env
    const inTime = this.threads.map(async (thread) => {
      await new Promise<void>((resolve) => timers.after(busyMsMax * chance.next(), resolve))
      return thread.obey(order)
    })
    return Promise.all(inTime)
  }

  private async startThreads(): Promise<void> {
    const { options, process, network, listener } = this
    const { threads } = options
    const links: Link[] = []
    const kinds = new Kinds(options.actors)
    this.client = new RequestClient(process.env, {
      shards: options.shards,
      kinds,
      hash: new KeyedHash(Buffer.from(this.folder.manifest.secret, 'hex')),
      requestTimeoutMs: options.requestTimeoutMs,
      keyRetentionMs: options.keyRetentionMs,
      keyTime: 'none',
      requestsMax: limits.clientRequestsMax,
      placeOf: (shard) => shard % threads,
      send: (thread, bytes) => {
        links[thread]!.send(bytes)
      },
    })
    const peers = this.peerLinks(threads)
    const opening = Array.from({ length: threads }, (_, thread) => {
      const [near, far] = clientPair(network, process, (bytes) => {
        listener.answers(bytes)
      })
      near.onBatch((bytes) => {
        this.client.receive(bytes)
      })
      links.push(near)
      return ShardThread.open(process.env, this.threadStart(thread), options.actors, {
        client: far,
        peers: peers[thread]!,
        report: (event, detail) => {
          listener.report(event, detail)
        },
        fail: (error) => {
          this.fail(error instanceof Error ? error : new Error(String(error)))
        },
      })
    })
    this.threads = await Promise.all(opening)
  }

  private threadStart(thread: number): ThreadStart {
    const { options } = this
    return {
      thread,
      threads: options.threads,
      shards: options.shards,
      dataDir: options.dataDir,
      plan: this.folder.plan,
      settings: options.settings,
      keyRetentionMs: options.keyRetentionMs,
      mailboxMessagesMax: options.mailboxMessages,
      keysMax: 1_000_000,
      nearCalls: options.nearCalls,
      snapshotJournalBytes: options.snapshotJournalBytes,
    }
  }

  private peerLinks(threads: number): (Link | undefined)[][] {
    const links = Array.from({ length: threads }, () =>
      new Array<Link | undefined>(threads).fill(undefined),
    )
    for (let a = 0; a < threads; a++) {
      for (let b = a + 1; b < threads; b++) {
        const pair = peerPair(this.network, this.process, (bytes) => {
          this.listener.peerBatch(bytes)
        })
        this.pairs.push(pair)
        links[a]![b] = pair.ends[0]
        links[b]![a] = pair.ends[1]
      }
    }
    return links
  }

  /** As `runtime.ts`: what is unanswered is unknown, and nothing is acknowledged any more. */
  private fail(error: Error): void {
    this.serving = false
    this.client.end(error instanceof Fault ? error : new Fault('journal_failed', error.message))
    this.folder.stopHeartbeat()
    this.listener.failed(error)
  }
}
