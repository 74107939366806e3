/**
 * Several nodes in one thread, each with its own disk and journal folder, joined by links that lose,
 * repeat and delay. A node runs the real shard thread on the real file journal; nodes crash one by one.
 *
 * N1. Committed is what a node's disk holds durably: frames are noted when the sync of their group is
 *     done, or when a recovery finds them.
 */
import type { Address } from '../../actor/address.js'
import type { Answered, CommandOptions } from '../../actor/client.js'
import type { ActorModule } from '../../actor/define-actor.js'
import { Kinds } from '../../actor/kinds.js'
import { openFolder } from '../../journal/file/index.js'
import {
  framesOf,
  groupHeaderBytes,
  isWholeGroup,
  readGroupHeader,
} from '../../journal/file/group.js'
import { epochPaths } from '../../journal/file/names.js'
import { segmentHeaderBytes } from '../../journal/file/segment.js'
import { MemoryDisk } from '../../journal/testing/memory-disk.js'
import type { Frame } from '../../journal/journal.js'
import { KeyedHash } from '../../messaging/keyed-hash.js'
import { limits } from '../../limits.js'
import { RequestClient } from '../../request-client.js'
import { ShardThread } from '../../threads/shard-thread.js'
import type { Link } from '../../../transport/index.js'
import { ProcessEnv } from './process-env.js'
import type { VirtualTime } from './world.js'

const dataDir = '/data'

/** What may go wrong, as chances per message and operation. */
export interface WeatherOptions {
  readonly loss: number
  readonly duplication: number
  readonly delayMsMax: number
  readonly diskMsMax: number
}

export interface NodesOptions {
  readonly nodes: number
  readonly shards: number
  readonly snapshotJournalBytes: number
  readonly segmentBytes: number
  readonly requestTimeoutMs: number
  readonly settings: Readonly<Record<string, unknown>>
  readonly weather: WeatherOptions
  /** A frame is durable. */
  readonly onFrame: (frame: Frame) => void
  /** A recovery found less of a shard's journal than was durable. */
  readonly onLoss: (shard: number, found: number, durable: number) => void
  /** A node stopped by itself, or could not open its folder. */
  readonly onFailure: (node: number, error: unknown) => void
}

/** One life of a node. */
interface Life {
  readonly env: ProcessEnv
  thread: ShardThread | undefined
  toThread: ((bytes: Uint8Array) => void) | undefined
  readonly fromPeers: (((bytes: Uint8Array) => void) | undefined)[]
}

export class SimulatedNodes {
  readonly client: RequestClient
  readonly kinds: Kinds
  /** While true links lose and repeat nothing. */
  calm = false
  readonly disks: MemoryDisk[]
  private readonly time: VirtualTime
  private readonly actors: ActorModule
  private readonly options: NodesOptions
  private readonly lives: (Life | undefined)[]
  private readonly durable = new Map<number, number>()
  /** By shard: frames written and not known to be durable. */
  private readonly written = new Map<number, Frame[]>()
  private nextPid = 1
  readonly hash = new KeyedHash(new Uint8Array(16).fill(7))

  constructor(time: VirtualTime, actors: ActorModule, options: NodesOptions) {
    this.time = time
    this.actors = actors
    this.options = options
    this.kinds = new Kinds(actors)
    this.disks = Array.from({ length: options.nodes }, () => this.watched(new MemoryDisk()))
    this.lives = new Array<Life | undefined>(options.nodes).fill(undefined)
    const env = new ProcessEnv(time, { pid: 0, disk: new MemoryDisk(), diskMsMax: 0 })
    this.client = new RequestClient(env, {
      shards: options.shards,
      threads: options.nodes,
      kinds: this.kinds,
      hash: this.hash,
      requestTimeoutMs: options.requestTimeoutMs,
      keyRetentionMs: limits.keyRetentionMsDefault,
      keyTime: 'none',
      send: (node, bytes) => {
        this.carry(() => this.lives[node]?.toThread?.(bytes), false)
      },
    })
  }

  isUp(node: number): boolean {
    return this.lives[node]?.thread !== undefined
  }

  envOf(node: number): ProcessEnv | undefined {
    return this.lives[node]?.env
  }

  command(
    address: Address,
    name: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    return this.client.command(address, name, input, options)
  }

  /** Opens a node's folder and serves. */
  async start(node: number): Promise<void> {
    const { nodes, shards, weather, ...options } = this.options
    const disk = this.disks[node]!
    const env = new ProcessEnv(this.time, {
      pid: this.nextPid++,
      disk,
      diskMsMax: weather.diskMsMax,
    })
    const life: Life = { env, thread: undefined, toThread: undefined, fromPeers: [] }
    this.lives[node] = life
    try {
      const folder = await openFolder(env, {
        dataDir,
        shards,
        segmentBytes: options.segmentBytes,
        takeOver: true,
      })
      this.recovered(node, folder.plan.lastOrdinals)
      const thread = await ShardThread.open(
        env,
        {
          thread: node,
          threads: nodes,
          shards,
          dataDir,
          plan: folder.plan,
          settings: options.settings,
          keyRetentionMs: limits.keyRetentionMsDefault,
          mailboxMessagesMax: limits.mailboxMessagesMax,
          keysMax: limits.keysPerShardMax,
          snapshotJournalBytes: options.snapshotJournalBytes,
        },
        this.actors,
        {
          client: this.clientLink(life),
          peers: this.lives.map((_, peer) =>
            peer === node ? undefined : this.peerLink(life, node, peer),
          ),
          report: () => undefined,
          fail: (error) => {
            this.fail(node, life, error)
          },
        },
      )
      await thread.obey({ type: 'greet' })
      await thread.obey({ type: 'serve' })
      life.thread = thread
    } catch (error) {
      this.fail(node, life, error)
    }
  }

  /** Power is lost at a node. @param survives for each unsynced sector and name */
  crash(node: number, survives: () => boolean): void {
    const life = this.lives[node]
    if (life === undefined) return
    life.env.alive = false
    this.lives[node] = undefined
    this.disks[node] = this.watched(this.disks[node]!.afterCrash(survives))
  }

  private fail(node: number, life: Life, error: unknown): void {
    if (!life.env.alive) return
    this.options.onFailure(node, error)
  }

  private clientLink(life: Life): Link {
    return {
      send: (bytes) => {
        this.carry(() => {
          this.client.receive(bytes)
        }, false)
      },
      onBatch: (receive) => {
        life.toThread = (bytes) => {
          life.env.run(() => {
            receive(bytes)
          })
        }
      },
      close: () => undefined,
    }
  }

  private peerLink(life: Life, node: number, peer: number): Link {
    return {
      send: (bytes) => {
        const copy = Uint8Array.from(bytes)
        this.carry(() => this.lives[peer]?.fromPeers[node]?.(copy), true)
      },
      onBatch: (receive) => {
        life.fromPeers[peer] = (bytes) => {
          life.env.run(() => {
            receive(bytes)
          })
        }
      },
      close: () => undefined,
    }
  }

  /** Brings a batch over, or loses, repeats and delays it. */
  private carry(arrive: () => void, lossy: boolean): void {
    const { random } = this.time
    const { loss, duplication, delayMsMax } = this.options.weather
    if (lossy && !this.calm && random() < loss) return
    this.time.after(0.05 + random() * delayMsMax, arrive)
    if (lossy && !this.calm && random() < duplication) {
      this.time.after(0.05 + random() * delayMsMax * 4, arrive)
    }
  }

  /** Notes the groups that are written to segments, and when they are synced. */
  private watched(disk: MemoryDisk): MemoryDisk {
    const open = disk.open.bind(disk)
    disk.open = async (path, mode) => {
      const file = await open(path, mode)
      if (!path.includes('.seg') || mode === 'read') return file
      let unsynced: Frame[] = []
      return {
        ...file,
        write: async (bytes, position) => {
          await file.write(bytes, position)
          if (position < segmentHeaderBytes) return
          const frames = framesIn(Buffer.from(bytes))
          unsynced.push(...frames)
          for (const frame of frames) this.pendingOf(frame.shard).push(frame)
        },
        sync: async () => {
          await file.sync()
          const frames = unsynced
          unsynced = []
          // Behind the fence nothing counts: the successor has read already.
          for (const frame of frames) {
            if (!disk.existsNow(ownerOf(frame.epoch + 1))) this.isDurable(frame)
          }
        },
      }
    }
    return disk
  }

  private pendingOf(shard: number): Frame[] {
    let pending = this.written.get(shard)
    if (pending === undefined) this.written.set(shard, (pending = []))
    return pending
  }

  private isDurable(frame: Frame): void {
    const last = frame.firstOrdinal + frame.count - 1
    // A last group that recovery writes again.
    if (last <= (this.durable.get(frame.shard) ?? 0)) return
    this.durable.set(frame.shard, last)
    this.options.onFrame(frame)
  }

  /** What a recovery found decides about frames whose sync was not seen. */
  private recovered(node: number, lastOrdinals: Readonly<Record<number, number>>): void {
    const { shards, nodes, onLoss } = this.options
    for (let shard = node; shard < shards; shard += nodes) {
      const found = lastOrdinals[shard] ?? 0
      for (const frame of this.pendingOf(shard)) {
        if (frame.firstOrdinal + frame.count - 1 <= found) this.isDurable(frame)
      }
      this.written.set(shard, [])
      const durable = this.durable.get(shard) ?? 0
      if (found < durable) onLoss(shard, found, durable)
    }
  }
}

function ownerOf(epoch: number): string {
  return epochPaths.owner(dataDir, epoch)
}

function framesIn(bytes: Buffer): readonly Frame[] {
  if (bytes.length < groupHeaderBytes) return []
  const header = readGroupHeader(bytes, bytes.readUInt32LE(24))
  if (header === undefined || !isWholeGroup(bytes, header, '')) return []
  return framesOf(bytes, header) ?? []
}
