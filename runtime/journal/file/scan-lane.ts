/**
 * Scanning one lane of the newest epoch to its end, and judging that end by the recovery table.
 */
import { assert } from '../../assert.js'
import type { Disk } from '../../env/env.js'
import { lastOrdinalOf, type ChainedFrame } from '../frame.js'
import type { GroupHead, ShardChains, ShardHead } from './chains.js'
import { damage } from './damage.js'
import type { LanePlace } from './lane.js'
import { segmentName, segmentPath, type SegmentName } from './names.js'
import type { AdoptedSegment, LaneEnd } from './records.js'
import { decideRecovery, type LaneFacts } from './recovery-table.js'
import {
  hasGroupFrom,
  isContinued,
  isSeal,
  scanGroups,
  type ScannedGroup,
  type Tail,
} from './scan.js'
import { SegmentReader } from './segment-reader.js'
import { blockBytes, segmentHeaderBytes } from './segment.js'

/** A segment that counts, with the newest frame of each shard in it. */
export interface ScannedSegment extends AdoptedSegment {
  readonly heads: Map<number, ShardHead>
}

/** What the records say about a lane. */
export interface LaneExpectations {
  readonly closed: LaneEnd | undefined
  /** Asked for a seal that was found without a closed record. */
  readonly announced: () => Promise<boolean>
  /** Chain of groups before the first segment. */
  readonly start: GroupHead
}

/** A lane, judged. */
export interface ScannedLane {
  /** Segments that count, without what is carried and without empty ones. */
  readonly segments: readonly ScannedSegment[]
  /** Frames of the last group, to be written again. */
  readonly carried: readonly ChainedFrame[]
  readonly torn: { readonly file: string; readonly offset: number } | undefined
  /** Behind its last whole group. */
  readonly end: LanePlace
  readonly shards: ReadonlySet<number>
}

interface Place extends Pick<LanePlace, 'lane' | 'index' | 'tag'> {
  readonly path: string
  readonly end: number
  readonly tail: Tail
}

/** Collects the groups of a lane; the newest is held back, it may have to be carried. */
class LaneCollector {
  readonly segments: ScannedSegment[] = []
  readonly shards = new Set<number>()
  last: { readonly group: ScannedGroup; readonly reader: SegmentReader } | undefined
  private readonly chains: ShardChains
  private head: GroupHead

  constructor(chains: ShardChains, start: GroupHead) {
    this.chains = chains
    this.head = start
  }

  take(group: ScannedGroup, reader: SegmentReader): void {
    this.settle()
    for (const frame of group.frames) {
      this.chains.follow(frame, reader.path, group.at)
      this.shards.add(frame.shard)
    }
    this.last = { group, reader }
  }

  /** Counts the newest group as part of its segment. */
  settle(): void {
    if (this.last === undefined) return
    const { group, reader } = this.last
    const { epoch, lane, index, tag } = reader.header
    let segment = this.segments[this.segments.length - 1]
    if (segment?.index !== index) {
      const { head: start } = this
      segment = { epoch, lane, index, tag, bytes: 0, start, end: start, heads: new Map() }
      this.segments.push(segment)
    }
    for (const frame of group.frames) {
      segment.heads.set(frame.shard, { ordinal: lastOrdinalOf(frame), crc: frame.crc })
    }
    this.segments[this.segments.length - 1] = { ...segment, bytes: group.end, end: group.head }
    this.head = group.head
    this.last = undefined
  }
}

/**
 * Scans a lane whose segments stand in order and without gaps.
 * @throws OpenRefused damaged, newer_format
 */
export async function scanLane(
  disk: Disk,
  dataDir: string,
  listed: readonly SegmentName[],
  chains: ShardChains,
  expected: LaneExpectations,
): Promise<ScannedLane> {
  let names = listed
  const collector = new LaneCollector(chains, expected.start)
  let head = expected.start
  let ending: Place | undefined
  let sealed: LaneEnd | undefined
  let laterGroup = false
  for (const name of listed) {
    const reader = await readerOf(disk, dataDir, name, ending !== undefined && isLast(name, listed))
    if (reader === undefined) {
      names = listed.slice(0, -1)
      break
    }
    try {
      if (ending?.tail === 'bytes' || sealed !== undefined) {
        laterGroup ||= await hasGroupFrom(reader, segmentHeaderBytes)
        continue
      }
      const scan = await scanGroups(reader, head, undefined, (group) => {
        if (sealed !== undefined) throw damage(reader.path, group.at, 'a group behind a seal')
        if (isSeal(group)) sealed = endOf(group, name)
        else collector.take(group, reader)
      })
      const advanced = scan.head.sequence > head.sequence
      head = scan.head
      const tail = (await reader.isZeroFrom(scan.end)) ? 'zeros' : 'bytes'
      // A group that is whole exactly where reading ended was completed since, by an owner that had been
      // paused in it. It was never acknowledged and never will be (A4).
      if (tail === 'bytes') laterGroup ||= await hasGroupFrom(reader, scan.end + blockBytes)
      if (advanced || tail === 'bytes' || ending === undefined) {
        const { lane, index, tag } = reader.header
        ending = { lane, index, tag, path: reader.path, end: scan.end, tail }
      }
    } finally {
      await reader.close()
    }
  }
  assert(ending !== undefined, 'a lane has a segment')
  assertGoesOn(disk, dataDir, names, collector)
  const unexplained = sealed !== undefined && expected.closed === undefined
  const announced = unexplained && (await expected.announced())
  const judged = judge(collector, ending, sealed, laterGroup, names, { ...expected, announced })
  const { lane, index, tag, end: bytes } = ending
  return { ...judged, end: { lane, index, tag, bytes, head, sealed } }
}

function isLast(name: SegmentName, names: readonly SegmentName[]): boolean {
  return name === names[names.length - 1]
}

/**
 * Opens a listed segment. One that was made ahead and never entered is taken away by an owner about to
 * close, perhaps one that slept meanwhile; whether it was ever entered, the one before it says (W5).
 * @throws OpenRefused damaged
 */
function readerOf(
  disk: Disk,
  dataDir: string,
  name: SegmentName,
  ahead: boolean,
): Promise<SegmentReader | undefined> {
  if (ahead) return SegmentReader.openIfThere(disk, dataDir, name)
  return SegmentReader.open(disk, dataDir, name)
}

/**
 * W5: a lane that says it goes on in the next segment has one. One that was made after the folder was
 * listed is a sleeper's, who goes on behind the new epoch: nothing in it was released (O3, A4).
 * @throws OpenRefused damaged
 */
function assertGoesOn(
  disk: Disk,
  dataDir: string,
  names: readonly SegmentName[],
  { last }: LaneCollector,
): void {
  const newest = names[names.length - 1]!
  if (last === undefined || !isContinued(last.group)) return
  if (last.reader.header.index < newest.index) return
  const missing = { ...newest, index: newest.index + 1 }
  const path = segmentPath(dataDir, missing)
  if (disk.existsNow(path)) return
  throw damage(path, 0, `the segment ${segmentName(missing)} is missing`)
}

function endOf({ at, head }: ScannedGroup, { lane, index }: SegmentName): LaneEnd {
  return { lane, index, offset: at, crc: head.crc }
}

function judge(
  collector: LaneCollector,
  ending: Place,
  sealed: LaneEnd | undefined,
  laterGroup: boolean,
  names: readonly SegmentName[],
  { closed, announced }: Pick<LaneExpectations, 'closed'> & Pick<LaneFacts, 'announced'>,
): Omit<ScannedLane, 'end'> {
  const lastIndex = names[names.length - 1]!.index
  const asRecorded =
    closed !== undefined &&
    sealed?.index === closed.index &&
    sealed.offset === closed.offset &&
    sealed.crc === closed.crc &&
    lastIndex === closed.index
  const { decision } = decideRecovery({
    closed: closed !== undefined,
    seal: closed === undefined ? sealed !== undefined : asRecorded,
    tail: ending.tail,
    laterGroup,
    announced,
  })
  if (decision.type === 'refuse') throw damage(ending.path, ending.end, decision.what)
  const carried = decision.carry ? (collector.last?.group.frames ?? []) : []
  if (!decision.carry) collector.settle()
  return {
    segments: collector.segments,
    carried,
    torn: decision.torn ? { file: ending.path, offset: ending.end } : undefined,
    shards: collector.shards,
  }
}
