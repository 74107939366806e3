/**
 * What counts in a data folder: the newest epoch with an adoption record, the segments that record
 * lists, and the lanes the epoch itself wrote. Everything else is nobody's.
 *
 * A1. Only an adoption record makes an epoch count. It restates the whole lineage: nothing older is
 *     needed, and nothing is guessed from names.
 * A2. Lanes are opened only after the adoption record is durable. So a lane's segment without one
 *     means that the record was lost: damage.
 * A3. A segment may be missing only when a truncation record says so.
 */
import type { Disk } from '../../env/env.js'
import type { ChainedFrame } from '../frame.js'
import type { RecoveryReport } from '../journal.js'
import { lastOrdinalOf } from '../frame.js'
import { mergeHeads, noGroup, ShardChains, type ShardHead } from './chains.js'
import { damage } from './damage.js'
import type { LanePlace } from './lane.js'
import {
  carriedLane,
  epochPaths,
  folders,
  manifestPath,
  parseEpochFile,
  parseSegmentName,
  segmentName,
  segmentPath,
  type EpochFile,
  type SegmentName,
} from './names.js'
import {
  readRecord,
  type AdoptedSegment,
  type AdoptionRecord,
  type CloseRecord,
  type LaneRecord,
  type Manifest,
  type OwnerRecord,
  type SealingRecord,
  type TruncationRecord,
} from './records.js'
import { scanGroups } from './scan.js'
import { scanLane, type ScannedLane, type ScannedSegment } from './scan-lane.js'
import { SegmentReader } from './segment-reader.js'

/** Everything that counts, verified. */
export interface Lineage {
  /** Newest epoch that counts; 0 when there is none. */
  readonly epoch: number
  /** In reading order; those of the newest epoch without what is carried. */
  readonly segments: readonly ScannedSegment[]
  /** The last group of each lane of the newest epoch that has to be written again. */
  readonly carried: readonly (readonly ChainedFrame[])[]
  readonly base: ReadonlyMap<number, ShardHead>
  readonly heads: ReadonlyMap<number, ShardHead>
  /** Where the lanes of the newest epoch end. */
  readonly ends: readonly LanePlace[]
  readonly report: RecoveryReport
  /** What the folder was adopted as; it counts for more than the file. */
  readonly manifest: Manifest | undefined
}

/** Names of the files of a data folder. */
export interface Listing {
  readonly epochFiles: readonly EpochFile[]
  readonly segments: readonly SegmentName[]
}

export async function listFolder(disk: Disk, dataDir: string): Promise<Listing> {
  const epochNames = await disk.list(folders.epochs(dataDir))
  const segmentNames = await disk.list(folders.journal(dataDir))
  return {
    epochFiles: epochNames.flatMap((name) => parseEpochFile(name) ?? []),
    segments: segmentNames.flatMap((name) => parseSegmentName(name) ?? []),
  }
}

/**
 * Reads and verifies all that counts. Changes nothing.
 * @throws OpenRefused damaged, newer_format
 */
export async function readLineage(
  disk: Disk,
  dataDir: string,
  manifest: Manifest | undefined,
): Promise<Lineage> {
  const listing = await listFolder(disk, dataDir)
  const adoption = await readNewestAdoption(disk, dataDir, listing)
  if (adoption === undefined) return nothing
  const known = await manifestBeside(disk, dataDir, manifest)
  const { epoch } = adoption
  const truncations = await readTruncations(disk, dataDir, epoch, listing)
  const base = new Map<number, ShardHead>()
  mergeHeads(base, adoption.base)
  for (const { base: rows } of truncations) mergeHeads(base, rows)
  const removed = new Set(truncations.flatMap((record) => record.removed))
  const chains = new ShardChains(base)
  const segments: ScannedSegment[] = []
  for (const adopted of adoption.segments) {
    if (removed.has(segmentName(adopted))) continue
    segments.push(await verifyAdopted(disk, dataDir, adopted, chains))
  }
  const lanes = await scanLanes(disk, dataDir, epoch, listing, truncations, chains)
  for (const { scanned } of lanes.scanned) segments.push(...scanned.segments)
  assertShards(dataDir, chains, adoption.manifest ?? known)
  return {
    manifest: adoption.manifest,
    epoch,
    segments,
    carried: lanes.scanned.map(({ scanned }) => scanned.carried).filter(({ length }) => length > 0),
    base,
    heads: chains.heads,
    ends: lanes.scanned.flatMap(({ scanned, opened }) => (opened ? [scanned.end] : [])),
    report: {
      clean: lanes.clean,
      tornTails: lanes.scanned.flatMap((lane) => tornTail(lane, chains)),
    },
  }
}

const nothing: Lineage = {
  manifest: undefined,
  epoch: 0,
  segments: [],
  carried: [],
  base: new Map(),
  heads: new Map(),
  ends: [],
  report: { clean: true, tornTails: [] },
}

/**
 * The manifest as it was adopted (A6); undefined where nothing was, or by the first version.
 * @throws OpenRefused damaged
 */
export async function adoptedManifest(
  disk: Disk,
  dataDir: string,
  found: Manifest | undefined,
): Promise<Manifest | undefined> {
  const adoption = await readNewestAdoption(disk, dataDir, await listFolder(disk, dataDir))
  if (adoption !== undefined) await manifestBeside(disk, dataDir, found)
  return adoption?.manifest
}

/**
 * The manifest of a folder that was adopted. It is put before the adoption record, by an opener of a new
 * folder that was overtaken perhaps between our look at the one and at the other.
 * @param found by the first look
 * @throws OpenRefused damaged: a journal without its manifest
 */
async function manifestBeside(
  disk: Disk,
  dataDir: string,
  found: Manifest | undefined,
): Promise<Manifest> {
  const path = manifestPath(dataDir)
  const manifest = found ?? (await readRecord<Manifest>(disk, path))
  if (manifest === undefined) throw damage(path, 0, 'the manifest is missing')
  return manifest
}

async function readNewestAdoption(
  disk: Disk,
  dataDir: string,
  { epochFiles, segments }: Listing,
): Promise<AdoptionRecord | undefined> {
  const adopted = epochFiles.filter(({ kind }) => kind === 'adopted')
  const epoch = adopted.reduce((newest, file) => Math.max(newest, file.epoch), 0)
  // An opener carries last groups before it adopts them; without any lineage there are none.
  const early = segments.find(
    (one) => one.epoch > epoch && (one.lane !== carriedLane || epoch === 0),
  )
  if (early !== undefined) {
    const path = epochPaths.adopted(dataDir, early.epoch)
    throw damage(path, 0, `the adoption record of epoch ${early.epoch} is missing`)
  }
  const closed = epochFiles.find((file) => file.kind === 'closed' && file.epoch > epoch)
  if (closed !== undefined) {
    const path = epochPaths.adopted(dataDir, closed.epoch)
    throw damage(path, 0, `the adoption record of epoch ${closed.epoch} is missing`)
  }
  if (epoch === 0) return undefined
  const owner = epochPaths.owner(dataDir, epoch)
  if ((await readRecord<OwnerRecord>(disk, owner)) === undefined) {
    throw damage(owner, 0, `the owner's file of epoch ${epoch} is missing`)
  }
  return listedRecord<AdoptionRecord>(disk, epochPaths.adopted(dataDir, epoch))
}

/** Reads a record whose name was listed. What is listed and not there leads nowhere: damage. */
async function listedRecord<T extends { readonly format: number }>(
  disk: Disk,
  path: string,
): Promise<T> {
  const record = await readRecord<T>(disk, path)
  if (record === undefined) throw damage(path, 0, 'a record that leads nowhere')
  return record
}

async function readTruncations(
  disk: Disk,
  dataDir: string,
  epoch: number,
  { epochFiles }: Listing,
): Promise<TruncationRecord[]> {
  const records: TruncationRecord[] = []
  for (const { lane } of filesOf(epochFiles, epoch, 'truncated')) {
    const path = epochPaths.truncated(dataDir, epoch, lane)
    records.push(await listedRecord<TruncationRecord>(disk, path))
  }
  return records
}

function filesOf(
  files: readonly EpochFile[],
  epoch: number,
  kind: EpochFile['kind'],
): { readonly lane: number }[] {
  return files.flatMap((file) =>
    file.epoch === epoch && file.kind === kind && file.lane !== undefined
      ? [{ lane: file.lane }]
      : [],
  )
}

/** A segment that was adopted reads exactly as it did then. */
async function verifyAdopted(
  disk: Disk,
  dataDir: string,
  adopted: AdoptedSegment,
  chains: ShardChains,
): Promise<ScannedSegment> {
  const heads = new Map<number, ShardHead>()
  const reader = await SegmentReader.open(disk, dataDir, adopted)
  try {
    if (reader.header.tag !== adopted.tag)
      throw damage(reader.path, 0, 'another segment of this name')
    const scan = await scanGroups(reader, adopted.start, adopted.bytes, (group) => {
      for (const frame of group.frames) {
        chains.follow(frame, reader.path, group.at)
        heads.set(frame.shard, { ordinal: lastOrdinalOf(frame), crc: frame.crc })
      }
    })
    if (scan.head.crc !== adopted.end.crc || scan.head.sequence !== adopted.end.sequence) {
      throw damage(reader.path, scan.end, 'other groups than were adopted')
    }
    return { ...adopted, heads }
  } finally {
    await reader.close()
  }
}

interface LaneOfEpoch {
  readonly scanned: ScannedLane
  /** False for one whose owner died before it could say so: there is nothing in it. */
  readonly opened: boolean
  /** Shards the lane served. */
  readonly shards: readonly number[]
}

async function scanLanes(
  disk: Disk,
  dataDir: string,
  epoch: number,
  { epochFiles, segments }: Listing,
  truncations: readonly TruncationRecord[],
  chains: ShardChains,
): Promise<{ scanned: LaneOfEpoch[]; clean: boolean }> {
  const closed = await readRecord<CloseRecord>(disk, epochPaths.closed(dataDir, epoch))
  const opened = filesOf(epochFiles, epoch, 'lane').map(({ lane }) => lane)
  const written = segments.filter((one) => one.epoch === epoch && one.lane !== carriedLane)
  const ends = closed?.lanes.map(({ lane }) => lane) ?? []
  const lanes = [...new Set([...opened, ...ends, ...written.map(({ lane }) => lane)])]
  const scanned: LaneOfEpoch[] = []
  for (const lane of lanes.sort((a, b) => a - b)) {
    const path = epochPaths.lane(dataDir, epoch, lane)
    const end = closed?.lanes.find((candidate) => candidate.lane === lane)
    const truncation = truncations.find((candidate) => candidate.lane === lane)
    const announced = () => isAnnounced(disk, dataDir, epoch, lane)
    const names = segmentsOf(dataDir, epoch, lane, written, truncation?.firstKept ?? 0)
    const start = truncation?.start ?? noGroup
    const result = await scanLane(disk, dataDir, names, chains, { closed: end, announced, start })
    // Crashed while it was being opened, or its record is lost: only the first has no groups. Read behind
    // the groups: a paused owner may have gone on meanwhile, and puts it before its first one.
    const record = await readRecord<LaneRecord>(disk, path)
    if (record === undefined && (result.shards.size > 0 || closed !== undefined)) {
      throw damage(path, 0, `the record of lane ${lane} is missing`)
    }
    if (closed !== undefined && end === undefined) {
      throw damage(path, 0, `lane ${lane} was opened, but the closed record does not know it`)
    }
    const opened = record !== undefined
    scanned.push({ scanned: result, opened, shards: record?.shards ?? [] })
  }
  return { scanned, clean: closed !== undefined }
}

/**
 * Whether a seal that was found was announced. A sleeper that wakes up may close the folder while it is
 * read: it puts the note before the seal, and takes it away behind the closed record.
 */
async function isAnnounced(
  disk: Disk,
  dataDir: string,
  epoch: number,
  lane: number,
): Promise<boolean> {
  const note = epochPaths.sealing(dataDir, epoch, lane)
  if ((await readRecord<SealingRecord>(disk, note)) !== undefined) return true
  const closed = await readRecord<CloseRecord>(disk, epochPaths.closed(dataDir, epoch))
  return closed?.lanes.some((end) => end.lane === lane) === true
}

/** Names of a lane's segments that count, without a gap (A3). */
function segmentsOf(
  dataDir: string,
  epoch: number,
  lane: number,
  written: readonly SegmentName[],
  firstKept: number,
): SegmentName[] {
  const names = written
    .filter((one) => one.lane === lane && one.index >= firstKept)
    .sort((a, b) => a.index - b.index)
  for (let i = 0; i < Math.max(1, names.length); i++) {
    if (names[i]?.index === firstKept + i) continue
    const missing = { epoch, lane, index: firstKept + i }
    throw damage(segmentPath(dataDir, missing), 0, `the segment ${segmentName(missing)} is missing`)
  }
  return names
}

function tornTail(
  { scanned, shards }: LaneOfEpoch,
  chains: ShardChains,
): RecoveryReport['tornTails'][number][] {
  if (scanned.torn === undefined) return []
  const kept = shards.map((shard) => [shard, chains.heads.get(shard)?.ordinal ?? 0] as const)
  return [{ ...scanned.torn, kept: Object.fromEntries(kept) }]
}

function assertShards(dataDir: string, chains: ShardChains, manifest: Manifest): void {
  for (const shard of chains.heads.keys()) {
    if (shard < manifest.shards) continue
    throw damage(
      manifestPath(dataDir),
      0,
      `the journal has a shard ${shard}, the manifest ${manifest.shards} shards`,
    )
  }
}
