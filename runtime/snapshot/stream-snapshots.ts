/**
 * Snapshots on a stream: one stream a shard, each snapshot a row of messages, two kept.
 *
 *   ┌──────┐ ┌───────┐ ┌───────┐   ┌─────┐     every message: magic, format, kind, index, name of the
 *   │ head │ │ chunk │ │ chunk │ … │ end │     snapshot, length, CRC over all of it; a chunk carries at
 *   └──────┘ └───────┘ └───────┘   └─────┘     most 512 KiB of blocks, an end sums of all.
 *
 * B1. A snapshot exists when its end is there. The end is written when the ordinal is durable and all before
 *     it was read back: the journal is cut on the strength of it. It must be what was made, not only what
 *     was sent: blocks are summed up before anything is done with them.
 * B2. The messages of a snapshot stand one behind the other. Two writers may meet – a succeeded owner may
 *     not know yet – and then whoever finds the other's message between its own gives its snapshot up:
 *     so a listing may jump over what is unfinished without missing what another finished in between.
 *     Which of two is newer its ordinal says, not its place.
 * B3. Only what is before the older kept chain is removed.
 * B4. The end of an increment names all it follows, down to the whole snapshot, by their places: one message
 *     lists a chain. Only what the stream lists is followed, so what another has removed can't be.
 */
import { crc32 } from 'node:zlib'
import { MessageMissing, type NextPiece, type StreamLog } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import { Fault, OpenRefused } from '../errors.js'
import { Patience, type WaitListener } from '../journal/jetstream/patience.js'
import { appendSettled } from '../journal/jetstream/settle.js'
import { limits } from '../limits.js'
import { BlockReader, chunksOf } from './snapshot-chunks.js'
import {
  kinds,
  readMessage,
  writeMessage,
  type EndContent,
  type SnapshotMessage,
  type SnapshotPlace,
} from './snapshot-messages.js'
import {
  chainEnds,
  type SnapshotCandidate,
  type SnapshotCut,
  type SnapshotStore,
} from './snapshot-store.js'

/** A snapshot found on a stream. */
export interface StreamSnapshot extends SnapshotCandidate, SnapshotPlace {
  /** The whole snapshot and the increments that follow it, up to this one. */
  readonly chain: readonly SnapshotPlace[]
}

/** A stream, and how it is waited for. */
interface Source {
  readonly log: StreamLog
  readonly patience: Patience
}

export class StreamSnapshots implements SnapshotStore<StreamSnapshot> {
  private readonly env: Env
  private readonly open: (shard: number) => Promise<StreamLog>
  private readonly chunkBytes: number
  private readonly listenerOf: ((shard: number) => WaitListener) | undefined
  private readonly logs = new Map<number, StreamLog>()
  private stopped = false

  /**
   * @param open opens the stream of a shard's snapshots
   * @param chunkBytes of a message at most
   * @param listenerOf makes who is told of waits for the stream of a shard
   */
  constructor(
    env: Env,
    open: (shard: number) => Promise<StreamLog>,
    chunkBytes: number = limits.snapshotChunkBytes,
    listenerOf?: (shard: number) => WaitListener,
  ) {
    this.env = env
    this.open = open
    this.chunkBytes = chunkBytes
    this.listenerOf = listenerOf
  }

  /** Whatever waits for NATS gives up. */
  stop(): void {
    this.stopped = true
  }

  async write(shard: number, cut: SnapshotCut, durable: () => Promise<void>): Promise<void> {
    const patience = this.patienceWith(shard)
    const log = await this.logOf(shard, patience)
    const follows = await this.followed(shard, cut)
    const id = Buffer.from(this.env.chance.bytes(8)).toString('hex')
    const { ordinal, epoch } = cut
    const writer = new Writer(log, id, patience)
    const from = await writer.append(kinds.head, Buffer.from(JSON.stringify({ ordinal, epoch })))
    const sums = new Sums()
    for (const chunk of chunksOf(sums.of(cut.blocks), this.chunkBytes)) {
      await writer.append(kinds.chunk, chunk)
      sums.addChunk(chunk)
      await cut.pace?.rest()
    }
    await durable()
    await this.readBack({ log, patience }, { id, from }, sums)
    const { bytes, chunks, crc } = sums
    const end: EndContent = { ordinal, epoch, from, bytes, chunks, crc, ...follows }
    await writer.append(kinds.end, Buffer.from(JSON.stringify(end)))
  }

  /** Each wait is told: also for a stream that can't be made. */
  private patienceWith(shard: number): Patience {
    return new Patience(this.env, () => !this.stopped, this.listenerOf?.(shard))
  }

  /** B4. @throws Fault journal_failed when what it follows is not there */
  private async followed(
    shard: number,
    { follows }: SnapshotCut,
  ): Promise<Pick<EndContent, 'follows'>> {
    if (follows === undefined) return {}
    const { ordinal, epoch } = follows
    const found = (await this.newest(shard)).find(
      (one) => one.ordinal === ordinal && one.epoch === epoch,
    )
    if (found !== undefined) return { follows: found.chain }
    throw new Fault(
      'journal_failed',
      `The snapshot of shard ${shard} at ordinal ${ordinal} is not there: no increment can follow it.`,
    )
  }

  /** @throws Fault journal_failed when the stream does not give what was made */
  private async readBack(
    source: Source,
    place: Pick<SnapshotPlace, 'id' | 'from'>,
    sums: Sums,
  ): Promise<void> {
    const { log } = source
    const reader = new Reader(log.name, place, () => undefined)
    try {
      await this.readUpTo(source, place.from + sums.chunks, reader)
    } catch (error) {
      if (!(error instanceof OpenRefused)) throw error
      throw doesNotReadBack(log, error.message)
    }
    if (!reader.sums.equal(sums)) throw doesNotReadBack(log, 'It gives other blocks.')
  }

  async newest(shard: number): Promise<readonly StreamSnapshot[]> {
    const patience = this.patienceWith(shard)
    const log = await this.logOf(shard, patience)
    const { first, last } = await patience.until(() => log.bounds())
    const found: StreamSnapshot[] = []
    /** By the sequence of its end: what an increment that was read follows. */
    const followed = new Map<number, StreamSnapshot>()
    for (let at = last; at >= first;) {
      let snapshot = followed.get(at)
      if (snapshot === undefined) {
        const read = await this.endAt({ log, patience }, at)
        if ('index' in read) {
          // One that was never finished is passed over at once, from any of its messages.
          at -= read.index + 1
          continue
        }
        read.chain.forEach((place, i) => {
          followed.set(place.to, snapshotOf(log, read.chain.slice(0, i + 1)))
        })
        snapshot = read
      }
      if (snapshot.chain[0]!.from >= first) found.push(snapshot)
      at = snapshot.from - 1
    }
    return found.sort((a, b) => b.ordinal - a.ordinal || b.epoch - a.epoch)
  }

  /** The snapshot whose end stands at a sequence, or how far into a snapshot something else stands there. */
  private async endAt(
    { log, patience }: Source,
    at: number,
  ): Promise<StreamSnapshot | { index: number }> {
    const bytes = await patience.until(() => log.at(at))
    const message = bytes === undefined ? undefined : readMessage(bytes)
    if (message?.kind !== kinds.end) return { index: message?.index ?? 0 }
    const { ordinal, epoch, from, follows = [] } = JSON.parse(message.body.toString()) as EndContent
    return snapshotOf(log, [...follows, { ordinal, epoch, from, to: at, id: message.id }])
  }

  async read(
    shard: number,
    { chain }: StreamSnapshot,
    onBlock: (block: Uint8Array) => void,
    nextPiece?: NextPiece,
  ): Promise<void> {
    const patience = this.patienceWith(shard)
    const log = await this.logOf(shard, patience)
    for (const place of chain) {
      const reader = new Reader(log.name, place, onBlock)
      await this.readUpTo({ log, patience }, place.to, reader, nextPiece)
      reader.end(place.to)
    }
  }

  private async readUpTo(
    { log, patience }: Source,
    to: number,
    reader: Reader,
    nextPiece?: NextPiece,
  ): Promise<void> {
    while (reader.next <= to) {
      try {
        await patience.until(() =>
          log.read(reader.next, to, (sequence, bytes) => reader.take(sequence, bytes), nextPiece),
        )
      } catch (error) {
        if (error instanceof MessageMissing) throw reader.damaged(error.sequence)
        throw error
      }
    }
  }

  async prune(shard: number): Promise<readonly StreamSnapshot[]> {
    const patience = this.patienceWith(shard)
    const log = await this.logOf(shard, patience)
    const kept = chainEnds(await this.newest(shard)).slice(0, limits.snapshotsKept)
    const oldest = Math.min(...kept.map(({ chain }) => chain[0]!.from))
    if (kept.length === limits.snapshotsKept && oldest > 1) {
      await patience.until(() => log.purge(oldest - 1))
    }
    return kept
  }

  private async logOf(shard: number, patience: Patience): Promise<StreamLog> {
    const log = this.logs.get(shard) ?? (await patience.until(() => this.open(shard)))
    this.logs.set(shard, log)
    return log
  }
}

/** Appends the messages of one snapshot, behind whatever is there when it begins (B2). */
class Writer {
  index = 0
  private readonly log: StreamLog
  private readonly id: string
  private readonly patience: Patience
  private last: number | undefined

  constructor(log: StreamLog, id: string, patience: Patience) {
    this.log = log
    this.id = id
    this.patience = patience
  }

  /** @returns its sequence */
  async append(kind: number, body: Uint8Array): Promise<number> {
    const { log, patience } = this
    const bytes = writeMessage({ kind, id: this.id, index: this.index++, body })
    for (;;) {
      const after = this.last ?? (await patience.until(() => log.bounds())).last
      if (await appendSettled(log, bytes, after, patience)) {
        this.last = after + 1
        return this.last
      }
      if (this.last !== undefined) {
        throw new Fault(
          'journal_failed',
          `Another node writes a snapshot into the stream ${log.name} too; this one is given up.`,
        )
      }
    }
  }
}

/** What a snapshot's blocks and messages come to. */
class Sums {
  /** CRC of all blocks. */
  crc = 0
  /** Of all chunks. */
  bytes = 0
  chunks = 0

  addBlock(block: Uint8Array): void {
    this.crc = crc32(block, this.crc)
  }

  addChunk(chunk: Uint8Array): void {
    this.bytes += chunk.length
    this.chunks++
  }

  /** The blocks, summed up as they are made. */
  *of(blocks: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const block of blocks) {
      this.addBlock(block)
      yield block
    }
  }

  /** @param others of a first version say no CRC */
  equal({ bytes, chunks, crc }: Pick<EndContent, 'bytes' | 'chunks' | 'crc'>): boolean {
    return bytes === this.bytes && chunks === this.chunks && (crc ?? this.crc) === this.crc
  }
}

/** Takes the messages of a stream and picks those of one snapshot. */
class Reader {
  /** Sequence of the next message. */
  next: number
  readonly sums = new Sums()
  private readonly stream: string
  private readonly place: Pick<SnapshotPlace, 'id' | 'from'>
  private readonly blocks: BlockReader
  private index = 0
  private complete = false

  constructor(
    stream: string,
    place: Pick<SnapshotPlace, 'id' | 'from'>,
    onBlock: (block: Uint8Array) => void,
  ) {
    this.stream = stream
    this.place = place
    this.next = place.from
    this.blocks = new BlockReader((block) => {
      this.sums.addBlock(block)
      onBlock(block)
    })
  }

  take(sequence: number, bytes: Uint8Array): void {
    this.next = sequence + 1
    const message = readMessage(bytes)
    if (message === undefined) throw this.damaged(sequence)
    if (message.id !== this.place.id) return
    if (message.index !== this.index++) throw this.damaged(sequence)
    if (message.kind === kinds.chunk) {
      this.sums.addChunk(message.body)
      if (!this.blocks.take(message.body)) throw this.damaged(sequence)
    } else if (message.kind === kinds.end) this.finish(sequence, message)
  }

  /** @throws OpenRefused when the end was not reached, which stands at a sequence */
  end(sequence: number): void {
    if (!this.complete) throw this.damaged(sequence)
  }

  damaged(sequence: number): OpenRefused {
    const { stream, place } = this
    return new OpenRefused(
      'damaged',
      `The snapshots in the stream ${stream} are damaged at message ${sequence}.`,
      { file: nameOf(stream, place), offset: sequence },
    )
  }

  private finish(sequence: number, { body }: SnapshotMessage & { readonly body: Buffer }): void {
    const end = JSON.parse(body.toString()) as EndContent
    if (!this.sums.equal(end) || !this.blocks.empty) throw this.damaged(sequence)
    this.complete = true
  }
}

function doesNotReadBack({ name }: StreamLog, why: string): Fault {
  return new Fault(
    'journal_failed',
    `A snapshot does not read back from the stream ${name}. ${why}`,
  )
}

function snapshotOf({ name }: StreamLog, chain: readonly SnapshotPlace[]): StreamSnapshot {
  const parts = chain.map((place) => nameOf(name, place))
  return { ...chain.at(-1)!, chain, parts, name: parts.at(-1)! }
}

function nameOf(stream: string, { from }: Pick<SnapshotPlace, 'from'>): string {
  return `${stream} from message ${from}`
}
