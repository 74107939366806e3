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
 * B3. Only what is before the older kept snapshot is removed.
 */
import { crc32 } from 'node:zlib'
import { MessageMissing, type StreamLog } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import { Fault, OpenRefused } from '../errors.js'
import { Patience } from '../journal/jetstream/patience.js'
import { appendSettled } from '../journal/jetstream/settle.js'
import { limits } from '../limits.js'
import { BlockReader, chunksOf } from './snapshot-chunks.js'
import {
  kinds,
  readMessage,
  writeMessage,
  type EndContent,
  type SnapshotMessage,
} from './snapshot-messages.js'
import type { SnapshotCandidate, SnapshotCut, SnapshotStore } from './snapshot-store.js'

/** A snapshot found on a stream. */
export interface StreamSnapshot extends SnapshotCandidate {
  /** Sequences of its head and of its end. */
  readonly from: number
  readonly to: number
  readonly id: string
}

export class StreamSnapshots implements SnapshotStore<StreamSnapshot> {
  readonly takesIncrements = false
  private readonly env: Env
  private readonly open: (shard: number) => Promise<StreamLog>
  private readonly chunkBytes: number
  private readonly patience: Patience
  private readonly logs = new Map<number, StreamLog>()

  /**
   * @param open opens the stream of a shard's snapshots
   * @param chunkBytes of a message at most
   */
  constructor(
    env: Env,
    open: (shard: number) => Promise<StreamLog>,
    chunkBytes: number = limits.snapshotChunkBytes,
  ) {
    this.env = env
    this.open = open
    this.chunkBytes = chunkBytes
    this.patience = new Patience(env)
  }

  /** Whatever waits for NATS gives up. */
  stop(): void {
    this.patience.stop()
  }

  async write(shard: number, cut: SnapshotCut, durable: () => Promise<void>): Promise<void> {
    const log = await this.logOf(shard)
    const id = Buffer.from(this.env.chance.bytes(8)).toString('hex')
    const { ordinal, epoch } = cut
    const writer = new Writer(log, id, this.patience)
    const from = await writer.append(kinds.head, Buffer.from(JSON.stringify({ ordinal, epoch })))
    const sums = new Sums()
    for (const chunk of chunksOf(sums.of(cut.blocks), this.chunkBytes)) {
      await writer.append(kinds.chunk, chunk)
      sums.addChunk(chunk)
      await cut.pace?.rest()
    }
    await durable()
    await this.readBack(log, { id, from }, sums)
    const { bytes, chunks, crc } = sums
    const end: EndContent = { ordinal, epoch, from, bytes, chunks, crc }
    await writer.append(kinds.end, Buffer.from(JSON.stringify(end)))
  }

  /** @throws Fault journal_failed when the stream does not give what was made */
  private async readBack(
    log: StreamLog,
    { id, from }: Pick<StreamSnapshot, 'id' | 'from'>,
    sums: Sums,
  ): Promise<void> {
    const reader = new Reader(log.name, { id, from }, () => undefined)
    try {
      await this.readUpTo(log, from + sums.chunks, reader)
    } catch (error) {
      if (!(error instanceof OpenRefused)) throw error
      throw doesNotReadBack(log, error.message)
    }
    if (!reader.sums.equal(sums)) throw doesNotReadBack(log, 'It gives other blocks.')
  }

  async newest(shard: number): Promise<readonly StreamSnapshot[]> {
    const log = await this.logOf(shard)
    const { first, last } = await this.patience.until(() => log.bounds())
    const found: StreamSnapshot[] = []
    for (let at = last; at >= first;) {
      const bytes = await this.patience.until(() => log.at(at))
      const message = bytes === undefined ? undefined : readMessage(bytes)
      if (message?.kind !== kinds.end) {
        // One that was never finished is passed over at once, from any of its messages.
        at -= (message?.index ?? 0) + 1
        continue
      }
      const { ordinal, epoch, from } = JSON.parse(message.body.toString()) as EndContent
      const { id } = message
      if (from >= first) found.push({ name: nameOf(log, from), ordinal, epoch, from, to: at, id })
      at = from - 1
    }
    return found.sort((a, b) => b.ordinal - a.ordinal || b.epoch - a.epoch)
  }

  async read(
    shard: number,
    candidate: StreamSnapshot,
    onBlock: (block: Uint8Array) => void,
  ): Promise<void> {
    const log = await this.logOf(shard)
    const reader = new Reader(log.name, candidate, onBlock)
    await this.readUpTo(log, candidate.to, reader)
    reader.end(candidate.to)
  }

  private async readUpTo(log: StreamLog, to: number, reader: Reader): Promise<void> {
    while (reader.next <= to) {
      try {
        await this.patience.until(() =>
          log.read(reader.next, to, (sequence, bytes) => reader.take(sequence, bytes)),
        )
      } catch (error) {
        if (error instanceof MessageMissing) throw damaged(log.name, error.sequence)
        throw error
      }
    }
  }

  async prune(shard: number): Promise<readonly StreamSnapshot[]> {
    const log = await this.logOf(shard)
    const kept = (await this.newest(shard)).slice(0, limits.snapshotsKept)
    const oldest = Math.min(...kept.map(({ from }) => from))
    if (kept.length === limits.snapshotsKept && oldest > 1) {
      await this.patience.until(() => log.purge(oldest - 1))
    }
    return kept
  }

  private async logOf(shard: number): Promise<StreamLog> {
    const log = this.logs.get(shard) ?? (await this.patience.until(() => this.open(shard)))
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
  private readonly id: string
  private readonly blocks: BlockReader
  private index = 0
  private complete = false

  constructor(
    stream: string,
    { id, from }: Pick<StreamSnapshot, 'id' | 'from'>,
    onBlock: (block: Uint8Array) => void,
  ) {
    this.stream = stream
    this.id = id
    this.next = from
    this.blocks = new BlockReader((block) => {
      this.sums.addBlock(block)
      onBlock(block)
    })
  }

  take(sequence: number, bytes: Uint8Array): void {
    this.next = sequence + 1
    const message = readMessage(bytes)
    if (message === undefined) throw damaged(this.stream, sequence)
    if (message.id !== this.id) return
    if (message.index !== this.index++) throw damaged(this.stream, sequence)
    if (message.kind === kinds.chunk) {
      this.sums.addChunk(message.body)
      if (!this.blocks.take(message.body)) throw damaged(this.stream, sequence)
    } else if (message.kind === kinds.end) this.finish(sequence, message)
  }

  /** @throws OpenRefused when the end was not reached, which stands at a sequence */
  end(sequence: number): void {
    if (!this.complete) throw damaged(this.stream, sequence)
  }

  private finish(sequence: number, { body }: SnapshotMessage & { readonly body: Buffer }): void {
    const end = JSON.parse(body.toString()) as EndContent
    if (!this.sums.equal(end) || !this.blocks.empty) throw damaged(this.stream, sequence)
    this.complete = true
  }
}

function doesNotReadBack({ name }: StreamLog, why: string): Fault {
  return new Fault(
    'journal_failed',
    `A snapshot does not read back from the stream ${name}. ${why}`,
  )
}

function nameOf(log: StreamLog, from: number): string {
  return `${log.name} from message ${from}`
}

function damaged(stream: string, sequence: number): OpenRefused {
  return new OpenRefused(
    'damaged',
    `The snapshots in the stream ${stream} are damaged at message ${sequence}.`,
    { file: stream, offset: sequence },
  )
}
