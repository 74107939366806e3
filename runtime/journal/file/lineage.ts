/**
 * The lineage: which epochs' segments count, from the newest adoption record back.
 */
import { join } from 'node:path'
import type { Disk } from '../../env/env.js'
import type { ChainedFrame } from '../frame.js'
import type { RecoveryReport } from '../journal.js'
import { framesOf } from './group.js'
import {
  epochPaths,
  folders,
  listEpochs,
  readRecord,
  type Adoption,
  type CleanEnd,
} from './records.js'
import { damage, scanLane, type ScannedLane, type ScanState, type SegmentPlan } from './scan.js'
import { parseSegmentName, segmentHeaderBytes, segmentName, type SegmentIdentity } from './segment.js'

/** Lane number of the segment an opener writes last groups into. */
export const carriedLane = 65_535

export interface Lineage {
  /** Newest epoch that counts; 0 when there is none. */
  readonly epoch: number
  /** All epochs that count. */
  readonly epochs: readonly number[]
  /** All segments that count, in reading order; those of the newest epoch without their last groups. */
  readonly segments: readonly SegmentPlan[]
  /** The newest epoch's segments, with what an adoption takes over of each. */
  readonly newest: readonly SegmentPlan[]
  /** The last group of each lane of the newest epoch: its frames. */
  readonly lastFrames: readonly ChainedFrame[]
  readonly scan: ScanState
  readonly report: RecoveryReport
}

/**
 * Scans everything that counts.
 * @param onFrame called with every frame, in each shard's order
 * @throws OpenRefused damaged, newer_format
 */
export async function scanLineage(
  disk: Disk,
  dataDir: string,
  onFrame?: (frame: ChainedFrame) => void,
): Promise<Lineage> {
  const adoptions = await readAdoptions(disk, dataDir)
  const folder = folders.journal(dataDir)
  const present = (await disk.list(folder)).flatMap((name) => parseSegmentName(name) ?? [])
  const scan: ScanState = { heads: new Map(), firstOrdinals: new Map() }
  const segments: SegmentPlan[] = []
  const rules = onFrame === undefined ? {} : { onFrame }
  // Adoptions are newest first: each names what counts of the epoch before it.
  for (let i = adoptions.length - 1; i > 0; i--) {
    const { epoch } = adoptions[i]!
    const adopted = adoptions[i - 1]!.segments
    for (const lane of lanesOf(adopted)) {
      const listed = adopted.filter((segment) => segment.lane === lane)
      const limits = new Map(listed.map(({ index, validBytes }) => [index, validBytes]))
      const identities = presentOf(present, epoch, lane, folder, listed.map(({ index }) => index))
      const scanned = await scanLane(disk, folder, identities, scan, { ...rules, limits })
      segments.push(...scanned.segments)
    }
  }
  const newest = adoptions[0]
  if (newest === undefined) {
    const report = { clean: true, tornTails: [] }
    return { epoch: 0, epochs: [], segments, newest: [], lastFrames: [], scan, report }
  }
  const lanes = await scanNewest(disk, dataDir, newest, present, scan, rules)
  return finish(adoptions, segments, lanes, scan)
}

interface NewestLanes {
  readonly lanes: readonly ScannedLane[]
  readonly clean: boolean
}

/** Scans the lanes of the newest epoch up to their ends. */
async function scanNewest(
  disk: Disk,
  dataDir: string,
  { epoch, carriedBytes }: Adoption,
  present: readonly SegmentIdentity[],
  scan: ScanState,
  rules: { onFrame?: (frame: ChainedFrame) => void },
): Promise<NewestLanes> {
  const folder = folders.journal(dataDir)
  const closed = await readRecord<CleanEnd>(disk, epochPaths.closed(dataDir, epoch))
  const ours = present.filter((identity) => identity.epoch === epoch)
  for (const { lane, index, offset } of closed?.lanes ?? []) {
    const name = segmentName({ epoch, lane, index })
    if (!ours.some((identity) => identity.lane === lane && identity.index === index)) {
      throw damage(join(folder, name), offset, 'a missing segment')
    }
  }
  const lanes: ScannedLane[] = []
  for (const lane of lanesOf(ours)) {
    const identities = ours
      .filter((identity) => identity.lane === lane)
      .sort((a, b) => a.index - b.index)
    const end = closed?.lanes.find((candidate) => candidate.lane === lane)
    const ending =
      lane === carriedLane
        ? // It was durable, whole, before this epoch counted.
          { limits: new Map([[1, carriedBytes]]) }
        : end === undefined
          ? {}
          : { end }
    lanes.push(await scanLane(disk, folder, identities, scan, { ...rules, ...ending }))
  }
  return { lanes, clean: closed !== undefined }
}

function finish(
  adoptions: readonly Adoption[],
  older: readonly SegmentPlan[],
  { lanes, clean }: NewestLanes,
  scan: ScanState,
): Lineage {
  const newest: SegmentPlan[] = []
  const lastFrames: ChainedFrame[] = []
  for (const lane of lanes) {
    for (const segment of lane.segments) newest.push(segment)
    if (lane.last === undefined || lane.lane === carriedLane) continue
    const { group, bytes, segment } = lane.last
    lastFrames.push(...framesOf(bytes, group)!)
    // Carried frames stand in the opener's segment: here the lane ends before them.
    segment.validBytes = group.offset
  }
  // Segments that hold no group any more only have their headers.
  for (const segment of newest) segment.validBytes = Math.max(segment.validBytes, segmentHeaderBytes)
  const kept = (lane: ScannedLane): Record<number, number> =>
    Object.fromEntries([...lane.shards].map((shard) => [shard, scan.heads.get(shard)!.ordinal]))
  return {
    epoch: adoptions[0]!.epoch,
    epochs: adoptions.map(({ epoch }) => epoch),
    segments: [...older, ...newest],
    newest,
    lastFrames,
    scan,
    report: {
      clean,
      tornTails: lanes.flatMap((lane) =>
        lane.torn === undefined ? [] : [{ ...lane.torn, kept: kept(lane) }],
      ),
    },
  }
}

/** Adoption records from the newest back along their predecessors. */
async function readAdoptions(disk: Disk, dataDir: string): Promise<Adoption[]> {
  const { adopted } = await listEpochs(disk, dataDir)
  const adoptions: Adoption[] = []
  for (let epoch = adopted[adopted.length - 1] ?? 0; epoch > 0; ) {
    const adoption = await readRecord<Adoption>(disk, epochPaths.adopted(dataDir, epoch))
    if (adoption === undefined) break
    adoptions.push(adoption)
    epoch = adoption.predecessor
  }
  return adoptions
}

function lanesOf(segments: readonly { readonly lane: number }[]): number[] {
  // The carried lane sorts first: its frames precede those of the epoch's other lanes.
  const rank = (lane: number): number => (lane === carriedLane ? -1 : lane)
  return [...new Set(segments.map(({ lane }) => lane))].sort((a, b) => rank(a) - rank(b))
}

/** Segments of a lane that are still there: older ones may be gone behind snapshots, none between. */
function presentOf(
  present: readonly SegmentIdentity[],
  epoch: number,
  lane: number,
  folder: string,
  indexes: readonly number[],
): SegmentIdentity[] {
  const there = indexes.filter((index) =>
    present.some((one) => one.epoch === epoch && one.lane === lane && one.index === index),
  )
  const first = indexes.indexOf(there[0] ?? -1)
  const missing = first < 0 ? undefined : indexes.slice(first).find((index) => !there.includes(index))
  if (missing !== undefined) {
    throw damage(join(folder, segmentName({ epoch, lane, index: missing })), 0, 'a missing segment')
  }
  return there.map((index) => ({ epoch, lane, index }))
}
