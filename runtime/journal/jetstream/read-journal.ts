/**
 * Reads a shard's stream, from any ordinal to wherever it ends, and checks every message against the
 * one before it. Reading fences nobody, so a successor may read long before it takes over.
 *
 * X3. What was read stays true: a stream is only ever longer, or cut at its old end.
 */
import { MessageMissing, type NextPiece, type StreamLog } from '../../../transport/index.js'
import type { Env } from '../../env/env.js'
import { lastOrdinalOf } from '../frame.js'
import type { Frame } from '../journal.js'
import { beginning, behind, checkFits, damaged, frameOf, type JournalPosition } from './frames.js'
import { Patience } from './patience.js'

/** So many messages are read sooner than the place is found among them, one question after the other. */
const shortStream = 256

/** What to read. */
export interface ReadScope {
  readonly shard: number
  /** Gives the frames with turns after an ordinal, or after a place reached before. */
  readonly after: number | JournalPosition
  /** Waits for NATS; stop it to give up. @default one that never gives up */
  readonly patience?: Patience
  /** Awaited before each piece that is read. @default nobody waits */
  readonly nextPiece?: NextPiece | undefined
}

/**
 * Reads up to the present end.
 * @returns where that was: go on from there
 * @throws OpenRefused damaged, newer_format; MessageMissing when the owner cut it meanwhile. When there
 *   is a newer snapshot by then, begin again from it: what is missing may have been cut for good reason
 */
export async function readShardJournal(
  env: Env,
  log: StreamLog,
  scope: ReadScope,
  onFrame: (frame: Frame) => void,
): Promise<JournalPosition> {
  const patience = scope.patience ?? new Patience(env)
  const { last } = await patience.until(() => log.bounds())
  return readUpTo(log, scope, last, patience, onFrame)
}

/** Reads up to a message that is known to be there. */
export async function readUpTo(
  log: StreamLog,
  scope: ReadScope,
  last: number,
  patience: Patience,
  onFrame: (frame: Frame) => void,
): Promise<JournalPosition> {
  const { shard, after, nextPiece } = scope
  const wanted = typeof after === 'number' ? after : after.ordinal
  let place =
    typeof after === 'number' ? await placeBefore(log, shard, after, last, patience) : after
  const take = (sequence: number, bytes: Uint8Array): void => {
    const frame = frameOf(log.name, shard, sequence, bytes)
    checkFits(log.name, place, frame)
    place = behind(sequence, frame)
    if (frame.count > 0 && place.ordinal > wanted) onFrame(frame)
  }
  while (place.sequence < last) {
    try {
      await patience.until(() => log.read(place.sequence + 1, last, take, nextPiece))
    } catch (error) {
      const why = error instanceof MessageMissing ? await explained(log, error, patience) : error
      // What was cut off meanwhile may be what is not needed anyway.
      const needless = typeof after === 'number' && place.ordinal < after
      if (!(why instanceof MessageMissing) || !needless) throw why
      place = await placeBefore(log, shard, wanted, last, patience)
    }
  }
  return place
}

/** A message that is missing behind the beginning of a stream was taken out of it. */
async function explained(
  log: StreamLog,
  missing: MessageMissing,
  patience: Patience,
): Promise<Error> {
  const { first } = await patience.until(() => log.bounds())
  if (missing.sequence < first) return missing
  return damaged(log.name, missing.sequence, 'it is not there')
}

/** The place from which everything after an ordinal can be read, though the stream be cut meanwhile. */
async function placeBefore(
  log: StreamLog,
  shard: number,
  ordinal: number,
  last: number,
  patience: Patience,
): Promise<JournalPosition> {
  for (;;) {
    const { first } = await patience.until(() => log.bounds())
    try {
      return await placeWithin(log, shard, ordinal, { first, last }, patience)
    } catch (error) {
      // What was looked at was cut off; what is needed may still be there.
      if (!(error instanceof MessageMissing)) throw error
    }
  }
}

/** Found by halving, because ordinals grow with sequences. */
async function placeWithin(
  log: StreamLog,
  shard: number,
  ordinal: number,
  bounds: { readonly first: number; readonly last: number },
  patience: Patience,
): Promise<JournalPosition> {
  const { first, last } = bounds
  if (first > last) {
    if (last === 0) return beginning
    throw damaged(log.name, last, 'it was purged, and it was the newest')
  }
  const sequence =
    last - first < shortStream ? first - 1 : await lastUpTo(log, shard, ordinal, bounds, patience)
  if (sequence >= first) return placeBehind(log, shard, sequence, patience)
  if (first === 1) return beginning
  const oldest = frameOf(log.name, shard, first, await message(log, first, patience))
  if (oldest.firstOrdinal > ordinal + 1) {
    throw damaged(
      log.name,
      first,
      `the stream begins at ordinal ${oldest.firstOrdinal}, and what comes after ${ordinal} is needed`,
    )
  }
  const { epoch, firstOrdinal, previousCrc, count } = oldest
  return {
    sequence: first - 1,
    ordinal: firstOrdinal - 1,
    epoch: count === 0 ? epoch - 1 : epoch,
    crc: previousCrc,
  }
}

/** Sequence of the last message with nothing after an ordinal; `first - 1` when there is none. */
export async function lastUpTo(
  log: StreamLog,
  shard: number,
  ordinal: number,
  bounds: { readonly first: number; readonly last: number },
  patience: Patience,
): Promise<number> {
  let [low, high] = [bounds.first - 1, bounds.last]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const frame = frameOf(log.name, shard, middle, await message(log, middle, patience))
    if (lastOrdinalOf(frame) <= ordinal) low = middle
    else high = middle - 1
  }
  return low
}

/** The place behind a message that is there. */
export async function placeBehind(
  log: StreamLog,
  shard: number,
  sequence: number,
  patience: Patience,
): Promise<JournalPosition> {
  const bytes = await message(log, sequence, patience)
  return behind(sequence, frameOf(log.name, shard, sequence, bytes))
}

async function message(log: StreamLog, sequence: number, patience: Patience): Promise<Uint8Array> {
  const bytes = await patience.until(() => log.at(sequence))
  if (bytes !== undefined) return bytes
  throw await explained(log, new MessageMissing(log.name, sequence), patience)
}
