/**
 * Scanning the journal: which groups count, and what the end of a lane means.
 *
 *   what stands at an offset          what follows           clean end │ decision
 *   ─────────────────────────────────────────────────────────────────┼─────────────────────────
 *   W1 valid group, next of its lane  anything               any       │ read on
 *   W2 valid group, not the next      anything               any       │ damage: a group is missing
 *   W3 zeros to the segment's end     no valid group         no        │ end of the lane
 *   W4 anything else                  a valid later group    any       │ damage: refuse, name the place
 *   W5 anything else                  no valid group         no        │ torn tail: drop, report
 *   W6 the end, as the record says    zeros                  yes       │ end of the lane
 *   W7 anything else                  anything               yes       │ damage: refuse, name the place
 *
 * F5. A group is written only after the one before it is durable, so a bad group with a valid later
 *     one can't be a torn write.
 */
import { join } from 'node:path'
import type { Disk } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import { lastOrdinalOf, type ChainedFrame } from '../frame.js'
import { framesOf, groupFlags, groupMagic, readGroup, type Group } from './group.js'
import type { LaneEnd } from './records.js'
import {
  readSegmentHeader,
  segmentHeaderBytes,
  segmentName,
  type SegmentIdentity,
} from './segment.js'

/** A segment that counts, as plain data that can go to another thread. */
export interface SegmentPlan extends SegmentIdentity {
  readonly path: string
  /** Bytes that count; what stands behind them is nobody's. */
  validBytes: number
  /** Last ordinal in it, by shard. */
  readonly lastOrdinals: Record<number, number>
}

/** What is known of a shard's chain so far. */
export interface ShardHead {
  readonly ordinal: number
  readonly crc: number
}

/** What a scan knows so far, over all segments of the lineage. */
export interface ScanState {
  /** By shard: its newest frame. */
  readonly heads: Map<number, ShardHead>
  /** By shard: ordinal of the first frame there is. */
  readonly firstOrdinals: Map<number, number>
}

/** A lane as scanned. */
export interface ScannedLane {
  readonly lane: number
  readonly segments: SegmentPlan[]
  /** The last group with its bytes; undefined when the lane has none. */
  last: { readonly group: Group; readonly bytes: Buffer; readonly segment: SegmentPlan } | undefined
  /** Where a torn tail was dropped. */
  torn: { readonly file: string; readonly offset: number } | undefined
  /** Shards with frames in it. */
  readonly shards: Set<number>
}

export function damage(file: string, offset: number, what: string): OpenRefused {
  return new OpenRefused('damaged', `The journal is damaged: ${what} in ${file} at offset ${offset}.`, {
    file,
    offset,
  })
}

/** Reads a whole segment and checks its header. @throws OpenRefused damaged */
export async function readSegment(
  disk: Disk,
  folder: string,
  identity: SegmentIdentity,
): Promise<{ path: string; bytes: Buffer }> {
  const path = join(folder, segmentName(identity))
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    const read = await file.read(0, size)
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.length)
    const header = readSegmentHeader(bytes)
    if (header === undefined) throw damage(path, 0, 'a bad segment header')
    const { epoch, lane, index } = header
    if (epoch !== identity.epoch || lane !== identity.lane || index !== identity.index) {
      throw damage(path, 0, "another segment's header")
    }
    if (bytes.length !== header.size) {
      const length = Math.min(bytes.length, header.size)
      throw damage(path, length, `${header.size - bytes.length} missing bytes`)
    }
    return { path, bytes }
  } finally {
    await file.close()
  }
}

/**
 * Scans the segments of one lane, in order.
 * @param limits by index: bytes that count, for lanes a later owner adopted
 * @param end where the lane ended, when its owner closed cleanly
 * @param onFrame called with each frame, in order
 */
export async function scanLane(
  disk: Disk,
  folder: string,
  identities: readonly SegmentIdentity[],
  state: ScanState,
  rules: {
    readonly limits?: ReadonlyMap<number, number>
    readonly end?: LaneEnd
    readonly onFrame?: (frame: ChainedFrame) => void
  },
): Promise<ScannedLane> {
  const lane: ScannedLane = {
    lane: identities[0]?.lane ?? 0,
    segments: [],
    last: undefined,
    torn: undefined,
    shards: new Set(),
  }
  for (const [position, identity] of identities.entries()) {
    const { path, bytes } = await readSegment(disk, folder, identity)
    if (position > 0 && identity.index !== identities[position - 1]!.index + 1) {
      throw damage(path, 0, 'a missing segment before this one')
    }
    const segment: SegmentPlan = { ...identity, path, validBytes: 0, lastOrdinals: {} }
    lane.segments.push(segment)
    const limit = rules.limits?.get(identity.index)
    const stop = scanGroups(bytes, segment, lane, state, limit, rules.onFrame)
    segment.validBytes = stop
    if (limit !== undefined) {
      if (stop !== limit) throw damage(path, stop, 'a bad group')
      continue
    }
    await judgeEnd(disk, folder, bytes, stop, segment, lane, identities.slice(position + 1))
    if (rules.end !== undefined) judgeCleanEnd(bytes, stop, segment, lane, rules.end)
    else if (lane.torn !== undefined) break
  }
  if (rules.end !== undefined) assertCleanEnd(folder, lane, rules.end)
  return lane
}

/** Reads groups until one is missing or bad. @returns the offset behind the last good one */
function scanGroups(
  bytes: Buffer,
  segment: SegmentPlan,
  lane: ScannedLane,
  state: ScanState,
  limit: number | undefined,
  onFrame: ((frame: ChainedFrame) => void) | undefined,
): number {
  let at = segmentHeaderBytes
  const stop = limit ?? bytes.length
  while (at < stop) {
    const group = readGroup(bytes, at, segment)
    if (group === undefined) break
    const previous = lane.last?.group
    if (previous !== undefined && !isNext(previous, group)) {
      throw damage(segment.path, at, 'a group that does not follow the one before it')
    }
    const frames = framesOf(bytes, group)
    if (frames === undefined) throw damage(segment.path, at, 'a group with bad frames')
    for (const frame of frames) {
      takeFrame(frame, segment, lane, state, at)
      onFrame?.(frame)
    }
    lane.last = { group, bytes, segment }
    at = group.end
  }
  return at
}

function isNext(previous: Group, group: Group): boolean {
  return group.sequence === previous.sequence + 1 && group.previousCrc === previous.crc
}

/** Checks a frame against its shard's chain. */
function takeFrame(
  frame: ChainedFrame,
  segment: SegmentPlan,
  lane: ScannedLane,
  state: ScanState,
  at: number,
): void {
  const head = state.heads.get(frame.shard)
  if (head === undefined) state.firstOrdinals.set(frame.shard, frame.firstOrdinal)
  else if (frame.firstOrdinal !== head.ordinal + 1 || frame.previousCrc !== head.crc) {
    throw damage(segment.path, at, `a frame of shard ${frame.shard} that does not follow its last one`)
  }
  const last = lastOrdinalOf(frame)
  state.heads.set(frame.shard, { ordinal: last, crc: frame.crc })
  segment.lastOrdinals[frame.shard] = last
  lane.shards.add(frame.shard)
}

/** Decides what stands behind the last good group of a segment (W3, W4, W5). */
async function judgeEnd(
  disk: Disk,
  folder: string,
  bytes: Buffer,
  stop: number,
  segment: SegmentPlan,
  lane: ScannedLane,
  later: readonly SegmentIdentity[],
): Promise<void> {
  const rest = bytes.subarray(stop)
  const behind = findGroup(bytes, stop, segment)
  if (behind !== undefined) throw damage(segment.path, stop, 'a bad group before valid ones')
  if (isZero(rest)) return
  for (const identity of later) {
    const next = await readSegment(disk, folder, identity)
    if (findGroup(next.bytes, segmentHeaderBytes, identity) !== undefined) {
      throw damage(segment.path, stop, 'a bad group before valid ones')
    }
  }
  lane.torn = { file: segment.path, offset: stop }
}

/** A cleanly closed lane ends where its record says, with zeros behind (W6, W7). */
function judgeCleanEnd(
  bytes: Buffer,
  stop: number,
  segment: SegmentPlan,
  lane: ScannedLane,
  end: LaneEnd,
): void {
  if (lane.torn !== undefined) throw damage(segment.path, stop, 'changed bytes after a clean close')
  const expected = segment.index < end.index ? undefined : segment.index === end.index ? end.offset : 64
  if (expected !== undefined && stop !== expected) {
    throw damage(segment.path, Math.min(stop, expected), 'a missing group after a clean close')
  }
  if (!isZero(bytes.subarray(stop))) throw damage(segment.path, stop, 'changed bytes after a clean close')
}

function assertCleanEnd(folder: string, lane: ScannedLane, end: LaneEnd): void {
  const last = lane.last
  const sealed =
    last !== undefined &&
    last.segment.index === end.index &&
    last.group.end === end.offset &&
    last.group.crc === end.crc &&
    (last.group.flags & groupFlags.seal) !== 0
  if (!sealed) {
    throw damage(join(folder, segmentName({ ...lane.segments[0]!, index: end.index })), end.offset, 'a missing seal')
  }
}

/** Finds a valid group anywhere from an offset on. */
function findGroup(bytes: Buffer, from: number, segment: SegmentIdentity): Group | undefined {
  for (let at = bytes.indexOf(groupMagic, from); at >= 0; at = bytes.indexOf(groupMagic, at + 1)) {
    const group = at % 8 === 0 ? readGroup(bytes, at, segment) : undefined
    if (group !== undefined) return group
  }
  return undefined
}

const zeros = Buffer.alloc(64 * 1024)

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length)
    if (piece.compare(zeros, 0, piece.length) !== 0) return false
  }
  return true
}
