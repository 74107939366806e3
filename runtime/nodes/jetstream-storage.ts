/**
 * The storages of a cluster's shards on JetStream: a stream for the journal and one for the snapshots
 * of each shard.
 *
 * SN6. A journal that has begun is never made anew: who finds its stream gone, or empty, refuses to open it.
 *      That it has begun is noted behind the fence of its first owner, and before anything is served. So a
 *      stream whose maker died before the note holds fences at most: the next owner goes on with it, or
 *      makes it anew. One with turns and no note is not of this bucket's cluster, and is refused.
 */
import { NatsRefused, type Nats, type NextPiece, type StreamLog } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import {
  lostJournal,
  openShardJournal,
  Patience,
  readShardJournal,
  type WaitListener,
  type JournalPosition,
  type OpenedStream,
} from '../journal/jetstream/index.js'
import { replayFrame } from '../shard/replay.js'
import type { ShardState } from '../shard/shard-state.js'
import { StreamSnapshots } from '../snapshot/stream-snapshots.js'
import type { OwnedJournal, ShardStorage, ShardStorages } from './shard-storage.js'

/** Which shards have a journal, kept apart from the journals (SN6). */
export interface KnownJournals {
  /** Whether every journal with turns is noted: releases before the notes left clusters without. */
  readonly complete: boolean
  /** @throws NatsUnreachable */
  has(shard: number): Promise<boolean>
  /** @throws NatsUnreachable when it may not be noted */
  add(shard: number): Promise<void>
}

export interface JetStreamStorageOptions {
  readonly cluster: string
  /** Copies of every stream: one number for the cluster, or whoever opens a journal first thins it out. */
  readonly replicas: number
  /** Who opens journals, for people who read the streams. */
  readonly owner: string
  /** Bytes of a snapshot in one message. @default 512 KiB */
  readonly snapshotChunkBytes?: number | undefined
  /** Told of each stream once, when it was opened. */
  readonly opened?: ((stream: OpenedStream) => void) | undefined
  /** Told what an operator should know. */
  readonly report: (event: string, detail: Record<string, unknown>) => void
  readonly journals: KnownJournals
}

/** The journal of a shard, as it was found before it is opened. */
interface FoundJournal {
  readonly shard: number
  readonly log: StreamLog
  readonly begun: boolean
  readonly mayAnswer: () => boolean
}

export class JetStreamStorages implements ShardStorages {
  private readonly env: Env
  private readonly nats: Nats
  private readonly options: JetStreamStorageOptions
  private readonly snapshots: StreamSnapshots
  private readonly logs = new Map<number, StreamLog>()
  /** Where reading ahead has ended: a hand-over goes on from there without looking for it. */
  private readonly reached = new WeakMap<ShardState, JournalPosition>()
  private closed = false

  constructor(env: Env, nats: Nats, options: JetStreamStorageOptions) {
    this.env = env
    this.nats = nats
    this.options = options
    const nameOf = (shard: number): string => `SNAP_${options.cluster}_${shard}`
    this.snapshots = new StreamSnapshots(
      env,
      (shard) => this.stream(nameOf(shard)),
      options.snapshotChunkBytes,
      (shard) => this.listenerOf(nameOf(shard)),
    )
  }

  async of(shard: number, mayAnswer: () => boolean): Promise<ShardStorage> {
    const begun = await this.options.journals.has(shard)
    const log = await this.logOf(shard, begun)
    const found = { shard, log, begun, mayAnswer }
    return {
      snapshots: this.snapshots,
      read: (state, wanted, nextPiece) => this.read(found, state, wanted, nextPiece),
      open: (state, wanted, nextPiece) => this.open(found, state, wanted, nextPiece),
    }
  }

  close(): void {
    this.closed = true
    this.snapshots.stop()
  }

  /** Waits for what is still wanted, and for nothing once all is closed. */
  private patience(wanted: () => boolean, listener: WaitListener): Patience {
    return new Patience(this.env, () => !this.closed && wanted(), listener)
  }

  private async read(
    { shard, log }: FoundJournal,
    state: ShardState,
    wanted: () => boolean,
    nextPiece: NextPiece,
  ): Promise<void> {
    const after = this.reached.get(state) ?? state.ordinal
    const patience = this.patience(wanted, this.listenerOf(log.name))
    const scope = { shard, after, patience, nextPiece }
    const end = await readShardJournal(this.env, log, scope, (frame) => {
      replayFrame(state, frame)
    })
    this.reached.set(state, end)
  }

  private async open(
    { shard, log, begun, mayAnswer }: FoundJournal,
    state: ShardState,
    wanted: () => boolean,
    nextPiece: NextPiece,
  ): Promise<OwnedJournal> {
    const { env, options } = this
    const after = this.reached.get(state) ?? state.ordinal
    const listener = this.listenerOf(log.name)
    const scope = {
      ...{ shard, after, owner: options.owner, begun, mayAnswer, nextPiece, listener },
      patience: this.patience(wanted, listener),
      // Asked again: who noted it meanwhile may have served the turns that are found.
      ...(begun || !options.journals.complete ? {} : { known: () => options.journals.has(shard) }),
      onProblem: (sentence: string) => options.report('journal_not_cut', { shard, sentence }),
    }
    const lane = await openShardJournal(env, log, scope, (frame) => {
      replayFrame(state, frame)
    })
    const abandon = (): void => lane.abandon()
    try {
      if (!begun) await options.journals.add(shard)
    } catch (error) {
      abandon()
      throw error
    }
    return { lane, epoch: lane.epoch, abandon }
  }

  /** SN6. @throws OpenRefused journal_regressed */
  private async logOf(shard: number, begun: boolean): Promise<StreamLog> {
    const name = `SHARD_${this.options.cluster}_${shard}`
    try {
      const log = this.logs.get(shard) ?? (await this.stream(name, begun))
      this.logs.set(shard, log)
      return log
    } catch (error) {
      const isMissing = error instanceof NatsRefused && error.code === 'nats_missing'
      throw isMissing ? lostJournal(name) : error
    }
  }

  /** @param begun true when it must be there already */
  private async stream(name: string, begun = false): Promise<StreamLog> {
    const log = await this.nats.stream(name, { replicas: begun ? 0 : this.options.replicas })
    this.options.opened?.({ name, replicas: log.replicas })
    return log
  }

  private listenerOf(stream: string): WaitListener {
    const { report } = this.options
    return {
      waits: (ms, why) => report('storage_waits', { stream, ms, why }),
      goesOn: (ms) => report('storage_goes_on', { stream, ms }),
    }
  }
}
