/**
 * The history of a cluster's run, read off the streams as the servers keep them: what is in a journal
 * stream is committed, whoever wrote it and whatever its writer believes.
 *
 * H1. Every message of a journal fits the one before: sequence, epoch, ordinals, chain.
 * H2. What left – an answer, a message, an acknowledgement – is covered by a frame that was there before.
 * H3. A snapshot is the state that a replay gives at its ordinal; what is left after any cut gives back
 *     the state that a replay of all frames gives.
 * H4. The messages of a snapshot stand one behind the other.
 */
import { MessageMissing, type StreamLog } from '../../transport/index.js'
import type { Kinds } from '../actor/kinds.js'
import { OpenRefused } from '../errors.js'
import { readFrame, type ChainedFrame } from '../journal/frame.js'
import { behind, checkFits, frameOf } from '../journal/jetstream/frames.js'
import { beginning, readShardJournal, type JournalPosition } from '../journal/jetstream/index.js'
import { readFrameBody } from '../shard/committed-turn.js'
import { replayFrame } from '../shard/replay.js'
import { ShardState } from '../shard/shard-state.js'
import { restoreNewest } from '../snapshot/restore-newest.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { kinds as messageKinds, readMessage } from '../snapshot/snapshot-messages.js'
import { StreamSnapshots, type StreamSnapshot } from '../snapshot/stream-snapshots.js'
import { readPeers } from '../threads/batches.js'
import { difference } from './digest.js'
import { DiskImage } from './disk-image.js'
import type { WrittenFrame } from './history.js'
import { instantEnv } from './instant-env.js'
import type { SimulatedNatsService } from './nats/service.js'

export interface StreamHistoryOptions {
  readonly service: SimulatedNatsService
  readonly shards: number
  readonly kinds: Kinds
  readonly keyRetentionMs: number
  /** Virtual ms. */
  readonly now: () => number
  /** Names of a shard's streams. */
  readonly journalOf: (shard: number) => string
  readonly snapshotsOf: (shard: number) => string
  readonly violation: (sentence: string) => void
  readonly sometimes: (name: string) => void
  /** A frame with turns is committed. */
  readonly onFrame: (frame: WrittenFrame) => void
  /** A journal has another owner. */
  readonly onFence: (shard: number, epoch: number) => void
}

/** A snapshot as it was read back when its end was written. */
interface ReadSnapshot {
  readonly shard: number
  readonly state: ShardState
  readonly isWhole: boolean
}

/** What a message of a journal is, for who looks at it on its way. @returns undefined for no whole one */
export function journalMessage(
  bytes: Uint8Array,
): { shard: number; epoch: number; isFence: boolean } | undefined {
  const frame = readFrame(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    0,
    bytes.length,
  )
  return frame && { shard: frame.shard, epoch: frame.epoch, isFence: frame.count === 0 }
}

export class StreamHistory {
  /** By shard: the state a replay of all frames gives. */
  readonly model: ShardState[]
  /** Turns that remember a key, by its hashes. */
  readonly keyTurns = new Map<string, number>()
  private readonly options: StreamHistoryOptions
  private readonly places: JournalPosition[]
  private readonly frames: ChainedFrame[][]
  private readonly snapshots: ReadSnapshot[] = []
  private readonly store: StreamSnapshots
  private readonly env = instantEnv(new DiskImage(), 0)
  private readonly looks: Promise<void>[] = []
  private groups = 0

  constructor(options: StreamHistoryOptions) {
    this.options = options
    const numbers = Array.from({ length: options.shards }, (_, shard) => shard)
    this.model = numbers.map((shard) => this.empty(shard))
    this.places = numbers.map(() => beginning)
    this.frames = numbers.map(() => [])
    this.store = new StreamSnapshots(this.env, (shard) =>
      Promise.resolve(this.log(options.snapshotsOf(shard))),
    )
    for (const shard of numbers) this.watch(shard)
  }

  /** A request with a key was answered: its effect must be in a frame by now. */
  sawAnswer(hashes: readonly number[], what: string): void {
    if (this.keyTurns.has(hashes.join())) return
    this.options.violation(`${what} was answered, and no committed frame holds it`)
  }

  /** A batch of messages left for another node. */
  sawPeers(bytes: Uint8Array): void {
    const { violation } = this.options
    const { messages, acknowledgements } = readPeers(bytes)
    for (const { source, target, number } of messages) {
      if (this.model[source]!.outbox.lastNumber(target) >= number) continue
      violation(
        `message ${number} of shard ${source} to ${target} left before its frame was durable`,
      )
    }
    for (const { source, target, number } of acknowledgements) {
      if (this.model[target]!.cursors[source]! >= number) continue
      violation(
        `shard ${target} acknowledged message ${number} of ${source} before its frame was durable`,
      )
    }
  }

  /** Judges what needs the whole history. */
  async finish(): Promise<void> {
    const { violation, shards } = this.options
    for (let shard = 0; shard < shards; shard++) {
      this.recovers(shard, 'in the end')
      this.compareSnapshots(shard)
      this.model[shard]!.cursors.forEach((number, source) => {
        if (this.model[source]!.outbox.lastNumber(shard) >= number) return
        violation(`shard ${shard} has message ${number} of ${source}, which never sent it`)
      })
    }
    await Promise.all(this.looks)
  }

  private watch(shard: number): void {
    const { service, journalOf, snapshotsOf } = this.options
    service.stream(journalOf(shard)).listeners.add({
      appended: (sequence, bytes) => {
        this.journaled(shard, sequence, bytes)
      },
      purged: () => {
        this.options.sometimes('journal cut behind snapshots')
        this.recovers(shard, 'when its journal was cut')
      },
    })
    service.stream(snapshotsOf(shard)).listeners.add({
      appended: (sequence, bytes) => {
        this.follows(shard, sequence, bytes)
        if (readMessage(bytes)?.kind === messageKinds.end) this.look(this.readBack(shard, sequence))
      },
      purged: () => {
        this.recovers(shard, 'when its snapshots were cut')
      },
    })
  }

  private journaled(shard: number, sequence: number, bytes: Uint8Array): void {
    const { violation, onFence, journalOf } = this.options
    const place = this.places[shard]!
    let frame: ChainedFrame
    try {
      frame = frameOf(journalOf(shard), shard, sequence, bytes)
      if (sequence !== place.sequence + 1) throw new Error(`sequence ${sequence} is not next`)
      checkFits(journalOf(shard), place, frame)
    } catch (error) {
      violation(`what was appended to the journal does not fit: ${(error as Error).message}`)
      return
    }
    this.places[shard] = behind(sequence, frame)
    if (frame.count === 0) onFence(shard, frame.epoch)
    else this.commit(shard, frame)
  }

  private commit(shard: number, frame: ChainedFrame): void {
    const { violation, onFrame, kinds } = this.options
    const state = this.model[shard]!
    try {
      replayFrame(state, frame)
    } catch (error) {
      violation(`shard ${shard}, ordinal ${frame.firstOrdinal}: ${(error as Error).message}`)
      return
    }
    this.frames[shard]!.push(frame)
    const { turns } = readFrameBody(frame.body, shard)
    for (const { key } of turns) {
      if (key === undefined) continue
      const name = key.hashes.join()
      this.keyTurns.set(name, (this.keyTurns.get(name) ?? 0) + 1)
    }
    const broken = kinds.tally?.check(state.tally)
    if (broken !== undefined) violation(`shard ${shard}, ordinal ${state.ordinal}: ${broken}`)
    const now = this.options.now()
    onFrame({ ...frame, group: ++this.groups, turns, writtenAt: now, durableAt: now })
  }

  /** H4 */
  private follows(shard: number, sequence: number, bytes: Uint8Array): void {
    const { service, snapshotsOf, violation } = this.options
    const message = readMessage(bytes)
    const before = service.stream(snapshotsOf(shard)).at(sequence - 1)
    // What the world has damaged can't be told from another's.
    const last = before && readMessage(before)
    if (message === undefined || message.index === 0 || last === undefined) return
    if (last.id === message.id && last.index === message.index - 1) return
    violation(
      `snapshots-apart: message ${sequence} of shard ${shard} stands behind another snapshot's`,
    )
  }

  /** Everything here is done before the next event: nothing in it waits. */
  private look(judging: Promise<void>): void {
    this.looks.push(
      judging.catch((error: unknown) => {
        this.options.violation(String(error))
      }),
    )
  }

  private async readBack(shard: number, end: number): Promise<void> {
    const { violation, sometimes } = this.options
    const found = (await this.store.newest(shard)).find(({ to }) => to === end)
    if (found === undefined) return
    const state = await this.restored(shard, found)
    if (state === undefined) sometimes('damaged snapshot')
    else if (state.ordinal > this.model[shard]!.ordinal) {
      violation(`shard ${shard} has a snapshot at ${state.ordinal}, which is not durable`)
    } else this.snapshots.push({ shard, state, isWhole: found.chain.length === 1 })
  }

  /** @returns undefined for one that is damaged */
  private async restored(shard: number, snapshot: StreamSnapshot): Promise<ShardState | undefined> {
    const state = this.empty(shard)
    const restore = new SnapshotRestore(state)
    try {
      await this.store.read(shard, snapshot, (block) => {
        restore.add(block)
      })
    } catch (error) {
      if (error instanceof OpenRefused) return undefined
      throw error
    }
    return state
  }

  private compareSnapshots(shard: number): void {
    const { violation, sometimes } = this.options
    const due = this.snapshots.filter((snapshot) => snapshot.shard === shard)
    const state = this.empty(shard)
    for (const frame of this.frames[shard]!) {
      replayFrame(state, frame)
      for (const snapshot of due.filter((one) => one.state.ordinal === state.ordinal)) {
        due.splice(due.indexOf(snapshot), 1)
        const part = difference(snapshot.state, state)
        const equal = snapshot.isWhole ? 'snapshot equals replay' : 'increment equals replay'
        if (part === undefined) sometimes(equal)
        else {
          violation(
            `shard ${shard}, snapshot at ordinal ${state.ordinal}: "${part}" differs from what a replay gives`,
          )
        }
      }
    }
    for (const { state: left } of due) {
      violation(`shard ${shard} has a snapshot at ordinal ${left.ordinal}, between two frames`)
    }
  }

  /** What is kept gives back what all frames together give. */
  private recovers(shard: number, when: string): void {
    this.look(this.recoversNow(shard, when))
  }

  private async recoversNow(shard: number, when: string): Promise<void> {
    // An election that ends lets several things happen at once: what is left after all of them counts.
    await Promise.resolve()
    const { violation } = this.options
    const { ordinal } = this.model[shard]!
    let state: ShardState
    try {
      state = await this.recovered(shard)
    } catch (error) {
      violation(`shard ${shard} ${when}: it does not recover: ${String(error)}`)
      return
    }
    if (this.model[shard]!.ordinal !== ordinal) throw new Error('a look took time')
    const part = difference(state, this.model[shard]!)
    if (part === undefined) return
    violation(
      `shard ${shard} ${when}: recovery gives another "${part}" than a replay of all frames`,
    )
  }

  private async recovered(shard: number): Promise<ShardState> {
    const state = await restoreNewest(this.store, shard, () => this.empty(shard))
    const log = this.log(this.options.journalOf(shard))
    await readShardJournal(this.env, log, { shard, after: state.ordinal }, (frame) => {
      replayFrame(state, frame)
    })
    return state
  }

  private empty(shard: number): ShardState {
    const { shards, kinds, keyRetentionMs } = this.options
    return new ShardState({ shard, shards, kinds, keyRetentionMs })
  }

  /** A stream as the servers keep it, read at once. */
  private log(name: string): StreamLog {
    const kept = this.options.service.stream(name)
    const never = (): never => {
      throw new Error('the history writes nothing')
    }
    return {
      name,
      replicas: 3,
      append: never,
      purge: never,
      at: (sequence) => Promise.resolve(kept.at(sequence)),
      bounds: () => Promise.resolve({ first: kept.first, last: kept.last }),
      read: (from, to, onMessage) =>
        new Promise((resolve, reject) => {
          for (let at = from; at <= to; at++) {
            const bytes = kept.at(at)
            if (bytes === undefined) {
              reject(new MessageMissing(name, at))
              return
            }
            onMessage(at, bytes)
          }
          resolve()
        }),
    }
  }
}
