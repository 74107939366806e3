/**
 * The history of a run: every frame ever written, and which of them count. It watches the disk from
 * outside, and each time the folder is opened it reads what counts and holds it against all that was
 * ever let out.
 *
 * H1. A frame counts once an opener adopted it. From then on it must be there for good, bit for bit.
 * H2. What left – an answer, a message, an acknowledgement – is covered by a frame that counts.
 * H3. What leaves is durable at that moment, whether or not a crash follows: an answer's frame, a
 *     message's, an acknowledgement's, a snapshot's.
 * H4. A snapshot is the state a replay of all frames gives at its ordinal; so is what a recovery
 *     rebuilds from snapshot and tail.
 */
import { framesOf, groupMagic, readGroupHeader } from '../journal/file/group.js'
import { scanLineage, type FolderPlan } from '../journal/file/index.js'
import type { ShardHead } from '../journal/file/chains.js'
import type { ChainedFrame } from '../journal/frame.js'
import type { Kinds } from '../actor/kinds.js'
import { readPeers } from '../threads/batches.js'
import { readFrameBody, type CommittedTurn } from '../shard/committed-turn.js'
import { replayFrame } from '../shard/replay.js'
import { ShardState } from '../shard/shard-state.js'
import { recoverShards } from '../threads/recover-shards.js'
import { readSnapshot } from '../snapshot/file-snapshots.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { difference } from './digest.js'
import { DiskImage } from './disk-image.js'
import { DurableFacts, NewestNumbers, type PairNumber } from './durable-facts.js'
import type { FileContent } from './file-content.js'
import { instantEnv } from './instant-env.js'

/** A frame as it was written. */
export interface WrittenFrame extends ChainedFrame {
  readonly group: number
  readonly turns: readonly CommittedTurn[]
  /** Virtual ms when it was first written. */
  readonly writtenAt: number
  /** Virtual ms when it was first certain to survive; Infinity before. */
  durableAt: number
}

export interface HistoryOptions {
  readonly shards: number
  readonly kinds: Kinds
  readonly keyRetentionMs: number
  readonly dataDir: string
  /** Virtual ms. */
  readonly now: () => number
  readonly violation: (sentence: string) => void
  readonly sometimes: (name: string) => void
  /** A frame counts from now on. */
  readonly onFrame: (frame: WrittenFrame) => void
}

interface NamedSnapshot {
  readonly path: string
  readonly shard: number
  readonly ordinal: number
  /** The whole snapshot and the increments that follow it. */
  readonly parts: readonly { readonly path: string; readonly content: FileContent }[]
}

export class History {
  /** By shard: the state a replay of all frames that count gives. */
  readonly model: ShardState[]
  /** By shard: CRC by last ordinal of every frame that counts. */
  readonly counted: Map<number, number>[]
  /** Turns that remember a key, by its hashes, among the frames that count. */
  readonly keyTurns = new Map<string, number>()
  private readonly options: HistoryOptions
  private readonly written = new Map<string, WrittenFrame>()
  /** Written and not synced, by file. */
  private readonly unsynced = new Map<FileContent, WrittenFrame[]>()
  private readonly durable = new DurableFacts()
  private groups = 0
  private readonly answered = new Map<string, string>()
  /** The newest message that left, and the newest acknowledged. */
  private readonly left = new NewestNumbers()
  private readonly acknowledged = new NewestNumbers()
  private snapshots: NamedSnapshot[] = []
  /** By shard and name: what each snapshot is read from. */
  private readonly parts = new Map<string, NamedSnapshot['parts']>()

  constructor(options: HistoryOptions) {
    this.options = options
    this.model = Array.from({ length: options.shards }, (_, shard) => this.empty(shard))
    this.counted = this.model.map(() => new Map<number, number>())
  }

  /** Looks at a write: groups of frames are remembered. */
  wrote(path: string, bytes: Uint8Array, content: FileContent): void {
    // A segment keeps the temporary name it was opened by.
    if (!path.includes('.seg') || bytes.length < groupMagic.length) return
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (buffer.compare(groupMagic, 0, 4, 0, 4) !== 0) return
    const header = readGroupHeader(buffer, buffer.readUInt32LE(24))
    const frames = header === undefined ? undefined : framesOf(buffer, header)
    if (frames === undefined) return
    const group = ++this.groups
    const unsynced = this.unsynced.get(content) ?? []
    this.unsynced.set(content, unsynced)
    for (const frame of frames)
      unsynced.push(this.written.get(nameOf(frame)) ?? this.remember(frame, group))
  }

  private remember(frame: ChainedFrame, group: number): WrittenFrame {
    const { turns } = readFrameBody(frame.body, frame.shard)
    const writtenAt = this.options.now()
    const written = { ...frame, group, turns, writtenAt, durableAt: Infinity }
    this.written.set(nameOf(frame), written)
    return written
  }

  /** Looks at a sync: what was written to the file is durable. */
  synced(content: FileContent): void {
    const frames = this.unsynced.get(content)
    if (frames === undefined) return
    this.unsynced.delete(content)
    for (const frame of frames) {
      if (frame.durableAt !== Infinity) continue
      frame.durableAt = this.options.now()
      this.durable.learn(frame)
    }
  }

  /** Power was lost: what was written and not synced is nobody's until it is read again. */
  lostPower(): void {
    this.unsynced.clear()
  }

  /** Looks at a rename: snapshots are compared when their ordinal is reached. */
  renamed(path: string, content: FileContent): void {
    const match = /\/snapshots\/(\d+)\/((\d+)-\d+)(?:-after-(\d+-\d+))?\.snap$/.exec(path)
    if (match === null) return
    const [shard, ordinal] = [Number(match[1]), Number(match[3])]
    if (!this.durable.reaches(shard, ordinal)) {
      this.options.violation(`${path} has its name before its ordinal is durable`)
    }
    const before = match[4] === undefined ? [] : this.parts.get(`${match[1]!}/${match[4]}`)
    if (before === undefined) {
      this.options.violation(`${path} follows a snapshot that never was`)
      return
    }
    const parts = [...before, { path, content: content.copy() }]
    this.parts.set(`${match[1]!}/${match[2]!}`, parts)
    this.snapshots.push({ path, shard, ordinal, parts })
  }

  /** A request with a key was answered: the effect must be in a frame that counts. */
  sawAnswer(hashes: readonly number[], what: string): void {
    const key = hashes.join()
    if (this.durable.keys.has(key)) this.answered.set(key, what)
    else this.options.violation(`${what} was answered, but no durable frame holds it`)
  }

  /** A batch left for another thread. */
  sawBatch(bytes: Uint8Array): void {
    const { messages, acknowledgements } = readPeers(bytes)
    const { violation } = this.options
    for (const message of messages) {
      this.left.add(message)
      if (this.durable.sent.covers(message)) continue
      violation(`${nameOfPair(message)} left before its frame was durable`)
    }
    for (const acknowledgement of acknowledgements) {
      this.acknowledged.add(acknowledgement)
      if (this.durable.applied.covers(acknowledgement)) continue
      violation(`${nameOfPair(acknowledgement)} was acknowledged before its effect was durable`)
    }
  }

  /**
   * Reads what counts now and compares it with everything that is known.
   * @param plan of the opener
   * @param rebuild whether to rebuild states as its threads will
   */
  async confirm(
    image: DiskImage,
    now: number,
    plan: FolderPlan | undefined,
    rebuild: boolean,
  ): Promise<void> {
    const env = instantEnv(image, now)
    const byGroup: WrittenFrame[] = []
    const { scan, epoch } = await scanLineage(env.disk, this.options.dataDir, (frame) => {
      this.judgeFrame(frame)
    })
    // A slow opener that was overtaken serves nobody by its plan, and adopted nothing of what is there now.
    if (plan !== undefined && plan.epoch !== epoch) return
    for (const { shard } of this.model)
      byGroup.push(...this.newFrames(shard, scan.heads.get(shard)))
    byGroup.sort((a, b) => a.group - b.group || a.firstOrdinal - b.firstOrdinal)
    for (const frame of byGroup) await this.count(frame)
    this.judgeReleased()
    this.judgeSnapshots()
    if (plan !== undefined && rebuild) await this.judgeRecovery(image, now, plan)
  }

  /** What counted already must still be there as it was. */
  private judgeFrame(frame: ChainedFrame): void {
    const last = frame.firstOrdinal + frame.count - 1
    if (last > this.model[frame.shard]!.ordinal) return
    if (this.counted[frame.shard]!.get(last) === frame.crc) return
    this.options.violation(
      `shard ${frame.shard}, ordinals ${frame.firstOrdinal} to ${last}: another frame stands where one counted already`,
    )
  }

  /**
   * Frames of a shard that count from now on, followed back by their chain: those behind snapshots may
   * be gone from the disk already.
   */
  private newFrames(shard: number, head: ShardHead | undefined): WrittenFrame[] {
    const { violation } = this.options
    const frames: WrittenFrame[] = []
    const known = this.model[shard]!.ordinal
    let { ordinal, crc } = head ?? { ordinal: 0, crc: 0 }
    if (ordinal < known) violation(`shard ${shard} ends at ordinal ${ordinal}; ${known} counted`)
    while (ordinal > known) {
      const frame = this.written.get(`${shard}:${ordinal}:${crc}`)
      if (frame === undefined) {
        violation(`shard ${shard}: nobody wrote the frame that ends at ordinal ${ordinal}`)
        return []
      }
      frames.push(frame)
      ordinal = frame.firstOrdinal - 1
      crc = frame.previousCrc
    }
    if (ordinal === known && (known === 0 || this.counted[shard]!.get(known) === crc)) return frames
    violation(`shard ${shard} does not go on where it ended, at ordinal ${known}`)
    return []
  }

  private async count(frame: WrittenFrame): Promise<void> {
    const { violation, onFrame, kinds } = this.options
    const state = this.model[frame.shard]!
    const last = frame.firstOrdinal + frame.count - 1
    if (frame.firstOrdinal !== state.ordinal + 1) {
      violation(
        `shard ${frame.shard} goes on at ordinal ${frame.firstOrdinal}; ${state.ordinal} was its last`,
      )
      return
    }
    replayFrame(state, frame)
    this.counted[frame.shard]!.set(last, frame.crc)
    for (const { key } of frame.turns) {
      if (key === undefined) continue
      const name = key.hashes.join()
      this.keyTurns.set(name, (this.keyTurns.get(name) ?? 0) + 1)
    }
    const broken = kinds.tally?.check(state.tally)
    if (broken !== undefined) violation(`shard ${frame.shard}, ordinal ${last}: ${broken}`)
    onFrame(frame)
    await this.compareSnapshots(state)
  }

  private async compareSnapshots(state: ShardState): Promise<void> {
    const due = this.snapshots.filter(
      ({ shard, ordinal }) => shard === state.shard && ordinal === state.ordinal,
    )
    for (const snapshot of due) {
      this.snapshots.splice(this.snapshots.indexOf(snapshot), 1)
      const restored = await this.restore(snapshot)
      const part = difference(restored, state)
      const equal =
        snapshot.parts.length === 1 ? 'snapshot equals replay' : 'increment equals replay'
      if (part === undefined) this.options.sometimes(equal)
      else this.options.violation(`${snapshot.path}: "${part}" differs from what a replay gives`)
    }
  }

  private async restore({ path, shard, parts }: NamedSnapshot): Promise<ShardState> {
    const state = this.empty(shard)
    const restore = new SnapshotRestore(state)
    for (const part of parts) {
      const image = new DiskImage()
      image.place(part.path, part.content)
      await readSnapshot(instantEnv(image, 0).disk, part.path, (block) => {
        restore.add(block)
      })
    }
    if (!restore.complete) this.options.violation(`${path} has its name, but no end`)
    return state
  }

  private judgeReleased(): void {
    const { violation } = this.options
    for (const [key, what] of this.answered) {
      if (!this.keyTurns.has(key)) violation(`${what} was answered, and its effect is lost`)
    }
    this.answered.clear()
    for (const { source, target, number } of this.left.all()) {
      if (this.model[source]!.outbox.lastNumber(target) >= number) continue
      violation(`message ${number} of shard ${source} to ${target} left, and its frame is lost`)
    }
    this.left.clear()
    for (const { source, target, number } of this.acknowledged.all()) {
      if (this.model[target]!.cursors[source]! >= number) continue
      violation(
        `shard ${target} acknowledged message ${number} of ${source}, and its frame is lost`,
      )
    }
    this.acknowledged.clear()
    for (const state of this.model) {
      state.cursors.forEach((number, source) => {
        if (this.model[source]!.outbox.lastNumber(state.shard) >= number) return
        violation(`shard ${state.shard} has message ${number} of ${source}, which never sent it`)
      })
    }
  }

  private judgeSnapshots(): void {
    for (const { path, shard, ordinal } of this.snapshots) {
      if (ordinal <= this.model[shard]!.ordinal) continue
      this.options.violation(`${path} has its name, but its ordinal never became durable`)
    }
    this.snapshots = []
  }

  /**
   * Judges a damaged copy that opened.
   * @returns `loss found` when something that was released, or counted, is not there
   */
  judgeCopy(plan: FolderPlan, states: readonly ShardState[]): 'whole' | 'loss found' | 'changed' {
    let lost = false
    for (const [shard, model] of this.model.entries()) {
      const head = plan.heads[shard]
      if ((head?.ordinal ?? 0) < model.ordinal) lost = true
      else if (head?.ordinal === model.ordinal) {
        if (difference(states[shard]!, model) !== undefined) return 'changed'
      } else if (head !== undefined && !this.wasWritten(shard, head.crc)) return 'changed'
      lost ||= this.releasedBeyond(states[shard]!)
    }
    for (const key of this.answered.keys()) {
      const words = key.split(',').map(Number)
      lost ||= !states.some((state) => state.keys.find(words)?.sameRequest === true)
    }
    return lost ? 'loss found' : 'whole'
  }

  private wasWritten(shard: number, crc: number): boolean {
    for (const frame of this.written.values()) {
      if (frame.shard === shard && frame.crc === crc) return true
    }
    return false
  }

  /** True when messages or acknowledgements left that this state does not know. */
  private releasedBeyond(state: ShardState): boolean {
    const sent = [...this.left.all()].some(
      ({ source, target, number }) =>
        source === state.shard && state.outbox.lastNumber(target) < number,
    )
    const received = [...this.acknowledged.all()].some(
      ({ source, target, number }) => target === state.shard && state.cursors[source]! < number,
    )
    return sent || received
  }

  /** Rebuilds the states as the opener's threads will, from snapshots and tail. */
  private async judgeRecovery(image: DiskImage, now: number, plan: FolderPlan): Promise<void> {
    const { shards, keyRetentionMs, kinds, dataDir, violation } = this.options
    const scope = { thread: 0, threads: 1, shards, dataDir, plan, keyRetentionMs }
    const states = await recoverShards(instantEnv(image, now), scope, kinds)
    for (const state of states) {
      const part = difference(state, this.model[state.shard]!)
      if (part === undefined) continue
      violation(
        `shard ${state.shard}: recovery gives another "${part}" than a replay of all frames`,
      )
    }
  }

  private empty(shard: number): ShardState {
    const { shards, kinds, keyRetentionMs } = this.options
    return new ShardState({ shard, shards, kinds, keyRetentionMs })
  }
}

function nameOfPair({ source, target, number }: PairNumber): string {
  return `message ${number} of shard ${source} to ${target}`
}

function nameOf({ shard, firstOrdinal, count, crc }: ChainedFrame): string {
  return `${shard}:${firstOrdinal + count - 1}:${crc}`
}
