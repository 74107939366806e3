/**
 * Reading the groups of one segment, in their chain, as far as they are whole.
 */
import type { ChainedFrame } from '../frame.js'
import type { GroupHead } from './chains.js'
import { damage } from './damage.js'
import {
  framesOf,
  groupFlags,
  groupHeaderBytes,
  groupMagic,
  isWholeGroup,
  readGroupHeader,
} from './group.js'
import type { SegmentReader } from './segment-reader.js'
import { blockBytes, segmentHeaderBytes } from './segment.js'

/** Bytes searched for later groups at once. */
const searchBytes = 512 * 1024

/** A whole group, as read. */
export interface ScannedGroup {
  readonly at: number
  readonly end: number
  readonly flags: number
  readonly head: GroupHead
  readonly frames: readonly ChainedFrame[]
}

/** What stands behind the last whole group: the segment's padding, or something that is no group. */
export type Tail = 'zeros' | 'bytes'

export interface SegmentScan {
  /** Behind the last whole group. */
  readonly end: number
  readonly head: GroupHead
}

/**
 * Reads whole groups until one is not.
 * @param until reads no further; what is before must be whole groups
 * @throws OpenRefused damaged for a whole group out of its chain, newer_format
 */
export async function scanGroups(
  reader: SegmentReader,
  start: GroupHead,
  until: number | undefined,
  visit: (group: ScannedGroup) => void,
): Promise<SegmentScan> {
  const stop = until ?? reader.header.size
  let at = segmentHeaderBytes
  let head = start
  while (at < stop) {
    const group = await readGroupAt(reader, at)
    if (group === undefined) break
    if (group.head.sequence !== head.sequence + 1 || group.previousCrc !== head.crc) {
      throw damage(
        reader.path,
        at,
        'a group that does not follow the one before it: one is missing',
      )
    }
    visit(group)
    at = group.end
    head = group.head
  }
  if (until !== undefined && at !== until) {
    throw damage(reader.path, at, 'a bad group where a whole one was before')
  }
  return { end: at, head }
}

/** True when a whole group of this segment starts anywhere from an offset on. */
export async function hasGroupFrom(reader: SegmentReader, from: number): Promise<boolean> {
  const { size } = reader.header
  for (let at = from; at < size; at += searchBytes) {
    // A magic that lies over the end of a piece is found in its overlap.
    const piece = await reader.view(at, Math.min(searchBytes + groupMagic.length, size - at))
    for (let hit = piece.indexOf(groupMagic); hit >= 0; hit = piece.indexOf(groupMagic, hit + 1)) {
      const place = at + hit
      if (place % blockBytes === 0 && (await readWholeGroup(reader, place)) !== undefined)
        return true
    }
  }
  return false
}

async function readWholeGroup(
  reader: SegmentReader,
  at: number,
): Promise<{ bytes: Buffer; header: NonNullable<ReturnType<typeof readGroupHeader>> } | undefined> {
  const header = readGroupHeader(await reader.view(at, groupHeaderBytes), reader.header.tag)
  if (header === undefined || at + header.bytes > reader.header.size) return undefined
  const bytes = await reader.view(at, header.bytes)
  return isWholeGroup(bytes, header, reader.path) ? { bytes, header } : undefined
}

async function readGroupAt(
  reader: SegmentReader,
  at: number,
): Promise<(ScannedGroup & { previousCrc: number }) | undefined> {
  const whole = await readWholeGroup(reader, at)
  if (whole === undefined) return undefined
  const { bytes, header } = whole
  const frames = framesOf(bytes, header)
  if (frames === undefined) throw damage(reader.path, at, 'a whole group with bad frames')
  const { flags, head, previousCrc } = header
  return { at, end: at + header.bytes, flags, head, previousCrc, frames }
}

/** True for the mark at the end of a segment that has a successor in use (W5). */
export function isContinued(group: ScannedGroup): boolean {
  return (group.flags & groupFlags.continued) !== 0
}

export function isSeal(group: ScannedGroup): boolean {
  return (group.flags & groupFlags.seal) !== 0
}
