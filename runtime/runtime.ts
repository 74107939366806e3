/**
 * `createRuntime`: opens a data folder, starts the shard threads, offers the client, closes. It wires
 * the parts; every decision is made in them.
 */
import { resolve as resolvePath } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import type { Address } from './actor/address.js'
import { Backups, type BackupOptions, type BackupReport } from './backup/backups.js'
import { actorClient } from './actor/actor-client.js'
import type {
  ActorClient,
  Answered,
  CommandOptions,
  QuarantinedActor,
  ShardStatus,
  SilentPair,
} from './actor/client.js'
import type { ActorDefinition } from './actor/define-actor.js'
import { Kinds } from './actor/kinds.js'
import type { Env } from './env/env.js'
import { nodeEnv } from './env/node-env.js'
import { printReports } from './env/print-reports.js'
import { Fault, faultOfStop } from './errors.js'
import { openFolder, type JournalFolder, type LaneEnd } from './journal/file/index.js'
import type { RecoveryReport } from './journal/journal.js'
import { limits } from './limits.js'
import { KeyedHash } from './messaging/keyed-hash.js'
import { resolveOptions, type ResolvedOptions, type RuntimeOptions } from './options.js'
import { releaseBy } from './release.js'
import type { Runtime } from './runtime-interface.js'
import { RequestClient } from './request-client.js'
import { disownPromise, memoryLinkPair, PortLink, type Link } from '../transport/index.js'
import {
  openInline,
  ShardWorker,
  type ThreadHandle,
  type ThreadListener,
} from './threads/thread-handle.js'
import { checkPairs, type PairEnds } from './threads/pair-ends.js'
import { peerPorts } from './threads/peer-ports.js'
import { helpersFor } from './threads/recovery-helpers.js'
import type { Order, StatusOrder, ThreadStart } from './threads/thread-protocol.js'
import { threadOptions } from './thread-options.js'
import { UntilStopped } from './threads/until-stopped.js'

/** Shards of a thread whose tallies are copied at once, which takes about a millisecond each. */
const talliesAtOnce = 2
/** A shard whose disk takes nothing for longer does not serve. */
const readyWaitMs = 1000

/**
 * Opens a data folder and runs actors on it.
 * @throws OpenRefused when the folder is in use, damaged, newer than this code or differently sharded
 */
export function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const env = nodeEnv()
  return openRuntime(env, options, printReports(env.clock))
}

/**
 * As {@link createRuntime}, in any environment: with `threads: 0` all of it runs there.
 * @param otherwise hears reports where no `onReport` is given
 */
export async function openRuntime(
  env: Env,
  options: RuntimeOptions,
  otherwise: Required<RuntimeOptions>['onReport'] = () => undefined,
): Promise<Runtime> {
  const resolved = resolveOptions(options, env.processes.cores)
  const callbacks = { ...options, onReport: options.onReport ?? otherwise }
  const kinds = new Kinds(resolved.actors)
  // They load their code while the folder is opened.
  const workers = Array.from(
    { length: resolved.threads },
    (_, thread) => new ShardWorker(thread, resolved.actors.module!),
  )
  let runtime: EmbeddedRuntime | undefined
  try {
    const folder = await openFolder(env, {
      dataDir: resolvePath(resolved.dataDir),
      takeOver: resolved.takeOver,
      ...(resolved.shards === undefined ? {} : { shards: resolved.shards }),
      ...(resolved.segmentBytes === undefined ? {} : { segmentBytes: resolved.segmentBytes }),
    })
    runtime = new EmbeddedRuntime(env, resolved, callbacks, kinds, folder)
    await runtime.start(workers)
    return runtime
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.stop()))
    // The reason of the failure matters more than a note that could not be written.
    await runtime?.abandon().catch(() => undefined)
    throw error
  }
}

class EmbeddedRuntime implements Runtime {
  readonly shards: number
  readonly threads: number
  private readonly env: Env
  private readonly options: ResolvedOptions
  private readonly callbacks: RuntimeOptions
  private readonly kinds: Kinds
  private readonly folder: JournalFolder
  private readonly client: RequestClient
  private readonly links: Link[] = []
  private handles: ThreadHandle[] = []
  private state: 'opening' | 'serving' | 'closing' | 'closed' | 'failed' = 'opening'
  private closing: Promise<void> | undefined
  private readonly serving = new UntilStopped()
  private readonly backups: Backups

  constructor(
    env: Env,
    options: ResolvedOptions,
    callbacks: RuntimeOptions,
    kinds: Kinds,
    folder: JournalFolder,
  ) {
    this.env = env
    this.options = options
    this.callbacks = callbacks
    this.kinds = kinds
    this.folder = folder
    this.shards = folder.manifest.shards
    this.threads = Math.min(options.threads, this.shards)
    this.backups = new Backups({
      env,
      plan: folder.plan,
      order: (order) => this.serving.run(() => this.all(order)),
    })
    this.client = new RequestClient(env, {
      shards: this.shards,
      kinds,
      hash: new KeyedHash(Buffer.from(folder.manifest.secret, 'hex')),
      requestTimeoutMs: options.requestTimeoutMs,
      keyRetentionMs: options.idempotencyRetentionMs,
      keyTime: options.idempotencyKeyTime,
      requestsMax: limits.clientRequestsMax * Math.max(1, this.threads),
      placeOf: (shard) => shard % Math.max(1, this.threads),
      send: (thread, bytes) => {
        this.links[thread]!.send(bytes)
      },
      lost: (thread, error) => {
        this.report('requests_lost', { thread, error })
      },
    })
  }

  get recovery(): RecoveryReport {
    return this.folder.report
  }

  get epoch(): number {
    return this.folder.epoch
  }

  /** @param workers one for each thread at least; those there are no shards for are ended */
  async start(workers: readonly ShardWorker[]): Promise<void> {
    if (this.threads === 0) this.handles = [await this.startInline()]
    else await this.startWorkers(workers)
    // So far the folder was only read: a start that is refused leaves it as it was (A8, A9).
    checkPairs(await this.gather<PairEnds>({ type: 'pairEnds' }))
    await this.folder.adopt()
    await this.all({ type: 'openLane' })
    await this.all({ type: 'greet' })
    await this.all({ type: 'serve' })
    if (this.state === 'opening') this.state = 'serving'
  }

  /** Opening failed, and the threads have ended: nothing was served, so nothing has to be sealed. */
  async abandon(): Promise<void> {
    this.state = 'closed'
    this.client.end(new Fault('closed'))
    for (const link of this.links) link.close()
    await this.folder.abandon()
  }

  actor<D extends ActorDefinition>(definition: D, key: string): ActorClient<D> {
    return actorClient(this, definition, key)
  }

  command(
    address: Address,
    command: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    return this.client.command(address, command, input, options)
  }

  async query(
    address: Address,
    query: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<unknown> {
    return (await this.client.query(address, query, input, options)).value
  }

  async ready(): Promise<boolean> {
    if (this.state !== 'serving') return false
    const statuses = await this.shardStatus({ tallies: false, waitMs: readyWaitMs })
    return statuses.length === this.shards && statuses.every(({ state }) => state === 'active')
  }

  async shardStatus(options: Omit<StatusOrder, 'shards'> = {}): Promise<ShardStatus[]> {
    this.assertOpen()
    const { tallies = true } = options
    const ask = (handle: ThreadHandle, thread: number): Promise<unknown> =>
      tallies
        ? this.statusWithTallies(handle, thread, options)
        : handle.order({ type: 'status', ...options })
    const asked = this.serving.run(() => Promise.all(this.handles.map(ask)))
    const statuses = (await asked) as ShardStatus[][]
    return statuses.flat().sort((a, b) => a.shard - b.shard)
  }

  /** A few shards at a time: to copy all tallies at once would hold up what runs on the thread. */
  private async statusWithTallies(
    handle: ThreadHandle,
    thread: number,
    options: StatusOrder,
  ): Promise<ShardStatus[]> {
    const statuses: ShardStatus[] = []
    const begun = this.env.clock.monotonic()
    const step = Math.max(1, this.threads)
    for (let first = thread; first < this.shards; first += step * talliesAtOnce) {
      const end = Math.min(this.shards, first + step * talliesAtOnce)
      const shards: number[] = []
      for (let shard = first; shard < end; shard += step) shards.push(shard)
      const { waitMs = Infinity } = options
      const leftMs = Math.max(0, waitMs - (this.env.clock.monotonic() - begun))
      const waits = leftMs === Infinity ? {} : { waitMs: leftMs }
      const order = { type: 'status', ...options, ...waits, shards } as const
      statuses.push(...((await handle.order(order)) as ShardStatus[]))
    }
    return statuses
  }

  async comparePairs(options?: { timeoutMs?: number }): Promise<SilentPair[]> {
    await this.serving.run(() => this.all({ type: 'comparePairs' }))
    const deadline = this.env.clock.monotonic() + (options?.timeoutMs ?? 10_000)
    for (;;) {
      const silent = await this.serving.run(() => this.gather<SilentPair>({ type: 'silentPairs' }))
      if (silent.length === 0 || this.env.clock.monotonic() > deadline) return silent
      await new Promise<void>((resolve) => this.env.timers.after(5, resolve))
    }
  }

  quarantined(): Promise<QuarantinedActor[]> {
    return this.serving.run(() => this.gather<QuarantinedActor>({ type: 'quarantined' }))
  }

  release(address: Address): Promise<void> {
    const release = (): Promise<unknown> => {
      const shard = this.kinds.shardOf(address, this.shards)
      const thread = shard % Math.max(1, this.threads)
      this.assertOpen()
      return this.serving.run(() =>
        this.handles[thread]!.order({ type: 'release', shard, address }),
      )
    }
    return releaseBy({ release, quarantined: () => this.quarantined() }, address)
  }

  async snapshot(): Promise<void> {
    await this.serving.run(() => this.all({ type: 'snapshot' }))
  }

  backup(target: string, options?: BackupOptions): Promise<BackupReport> {
    if (this.state === 'opening') return Promise.reject(new Fault('not_ready'))
    return this.backups.make(target, options)
  }

  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  private async finish(): Promise<void> {
    if (this.state === 'failed') {
      await this.stopThreads()
      await this.folder.abandon()
      return
    }
    this.state = 'closing'
    try {
      const backupEnded = this.backups.end(new Fault('closed'))
      await this.client.drain()
      await backupEnded
      this.client.end(new Fault('closed'))
      const ends = (await this.all({ type: 'seal' })) as LaneEnd[]
      await this.folder.close(ends)
    } catch (error) {
      await this.stopThreads()
      // The reason of the failure matters more than a note that could not be written.
      await this.folder.abandon().catch(() => undefined)
      throw error
    }
    await this.stopThreads()
  }

  /** Ends all that keeps the process alive, but for the heartbeat, which ends with the ownership. */
  private async stopThreads(): Promise<void> {
    for (const link of this.links) link.close()
    await Promise.all(this.handles.map((handle) => handle.stop()))
    this.state = 'closed'
  }

  private async startInline(): Promise<ThreadHandle> {
    const [near, far] = memoryLinkPair((run) => {
      this.env.timers.soon(run)
    })
    this.connect(near)
    return openInline(this.env, this.threadStart(0, 1), this.options.actors, far, this.listener())
  }

  private async startWorkers(workers: readonly ShardWorker[]): Promise<void> {
    const used = workers.slice(0, this.threads)
    const ports = peerPorts(used.length)
    this.handles = used
    await Promise.all(workers.slice(used.length).map((worker) => worker.stop()))
    const { cores } = this.env.processes
    const starts = used.map((worker, thread) => {
      const channel = new MessageChannel()
      this.connect(new PortLink(channel.port1))
      const own = this.threadStart(thread, used.length)
      const start = {
        ...own,
        helpers: helpersFor(cores, used.length, own),
        clientPort: channel.port2,
        peerPorts: ports[thread]!,
      }
      const moved = ports[thread]!.filter((port) => port !== undefined)
      return worker.open(start, [channel.port2, ...moved], this.listener())
    })
    // All of them: none is still at work on the folder when another failed.
    const opened = await Promise.allSettled(starts)
    for (const one of opened) if (one.status === 'rejected') throw one.reason
  }

  private threadStart(thread: number, threads: number): ThreadStart {
    return { thread, threads, plan: this.folder.plan, ...threadOptions(this.options, this.folder) }
  }

  private connect(link: Link): void {
    link.onBatch((bytes) => {
      this.client.receive(bytes)
    })
    this.links.push(link)
  }

  private listener(): ThreadListener {
    return {
      report: (event, detail) => {
        this.report(event, detail)
      },
      fail: (error) => {
        this.fail(error instanceof Error ? error : new Error(String(error)))
      },
    }
  }

  /** Tells the caller's callback. What it throws, now or later, is its own affair, and stops nothing here. */
  private report(event: string, detail: Record<string, unknown>): void {
    try {
      const given: unknown = this.callbacks.onReport?.(event, detail)
      disownPromise(given)
    } catch {
      // Nobody is left to be told.
    }
  }

  /** Stops for good: what is unanswered is unknown, and nothing is acknowledged any more. */
  private fail(error: Error): void {
    if (this.state === 'failed' || this.state === 'closed') return
    this.state = 'failed'
    const why = faultOfStop(error)
    this.client.end(why)
    this.serving.stop(why)
    void this.backups.end(why)
    this.folder.stopHeartbeat()
    if (this.callbacks.onFailure !== undefined) this.callbacks.onFailure(error)
    else this.env.processes.end(`suanpan: stopped: ${why.code}: ${why.message}`)
  }

  /** Threads that ended answer nothing any more. @throws Fault closed */
  private assertOpen(): void {
    if (this.state === 'closed') throw new Fault('closed')
  }

  private async all(order: Order): Promise<unknown[]> {
    this.assertOpen()
    return Promise.all(this.handles.map((handle) => handle.order(order)))
  }

  private async gather<T>(order: Order): Promise<T[]> {
    return ((await this.all(order)) as T[][]).flat()
  }
}
