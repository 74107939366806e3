/**
 * What of a data folder belongs into a backup: all that counts, at one moment, and nothing else.
 *
 * BK2. Snapshots are listed before the moment at which the lanes are cut. One that is cut later knows what was
 *      acknowledged since: the message it does not hold any more would be in no journal of the backup.
 * BK7. A backup ends as a folder that was closed: each lane has a seal, and the closed record names it. What is missing
 *      or changed at its end later is damage, and is not taken for what a crash leaves.
 */
import { join } from 'node:path'
import type { Disk } from '../env/env.js'
import { damage } from '../journal/file/damage.js'
import {
  carriedLane,
  epochPaths,
  folders,
  parseEpochFile,
  parseSegmentName,
  segmentName,
  segmentPath,
} from '../journal/file/names.js'
import {
  readRecord,
  type AdoptionRecord,
  type Manifest,
  type TruncationRecord,
} from '../journal/file/records.js'
import { countingManifest } from '../journal/file/remains.js'
import { sealOfCopy, type LaneEnd, type LanePlace } from '../journal/file/index.js'
import { listSnapshots, snapshotFolder } from '../snapshot/file-snapshots.js'

/** A file to copy, by its path. */
export interface ContentFile {
  readonly path: string
  /** Bytes that count; what is behind them is copied as zeros. @default all */
  readonly bytes?: number
  /** What stands behind them in the copy. */
  readonly seal?: Uint8Array
}

/** What lies still while a backup is made: records, and snapshots. */
export interface StillContents {
  readonly manifest: Manifest
  readonly epoch: number
  readonly records: readonly ContentFile[]
  readonly snapshots: readonly ContentFile[]
  /** True when its owner said where it ended. */
  readonly closed: boolean
  readonly adoption: AdoptionRecord
  readonly truncations: readonly TruncationRecord[]
}

/**
 * Reads what lies still of an epoch's folder.
 * @throws OpenRefused damaged
 */
export async function stillContents(
  disk: Disk,
  dataDir: string,
  epoch: number,
): Promise<StillContents> {
  const adoptedPath = epochPaths.adopted(dataDir, epoch)
  const adoption = await readRecord<AdoptionRecord>(disk, adoptedPath)
  if (adoption === undefined)
    throw damage(adoptedPath, 0, `the adoption record of epoch ${epoch} is missing`)
  const manifest = (await countingManifest(disk, dataDir))!
  const files = (await disk.list(folders.epochs(dataDir)))
    .flatMap((name) => parseEpochFile(name) ?? [])
    .filter((file) => file.epoch === epoch)
  const named = files.filter(({ kind }) =>
    ['lane', 'truncated', 'sealing', 'closed'].includes(kind),
  )
  const paths = named.map(({ name }) => join(folders.epochs(dataDir), name))
  const truncations: TruncationRecord[] = []
  for (const { kind, name } of named) {
    if (kind !== 'truncated') continue
    const record = await readRecord<TruncationRecord>(disk, join(folders.epochs(dataDir), name))
    if (record !== undefined) truncations.push(record)
  }
  const snapshots: ContentFile[] = []
  for (let shard = 0; shard < manifest.shards; shard++) {
    const folder = snapshotFolder(join(dataDir, 'snapshots'), shard)
    for (const { path } of await listSnapshots(disk, folder)) snapshots.push({ path })
  }
  return {
    ...{ manifest, epoch, adoption, truncations, snapshots },
    closed: files.some(({ kind }) => kind === 'closed'),
    records: [epochPaths.owner(dataDir, epoch), adoptedPath, ...paths].map((path) => ({ path })),
  }
}

/** The journal of a backup, and where its lanes end (BK7). */
export interface JournalContents {
  readonly segments: readonly ContentFile[]
  readonly ends: readonly LaneEnd[]
}

/**
 * The segments that count.
 * @param places up to where each lane goes
 */
export async function journalUpTo(
  disk: Disk,
  dataDir: string,
  { epoch, adoption, truncations }: StillContents,
  places: readonly LanePlace[],
): Promise<JournalContents> {
  const seals = places.map(sealOfCopy)
  const removed = new Set(truncations.flatMap((record) => record.removed))
  const adopted = adoption.segments.filter((segment) => !removed.has(segmentName(segment)))
  const files: ContentFile[] = adopted.map((segment) => ({
    path: segmentPath(dataDir, segment),
    bytes: segment.bytes,
  }))
  for (const name of await disk.list(folders.journal(dataDir))) {
    const segment = parseSegmentName(name)
    if (segment?.epoch !== epoch || segment.lane === carriedLane) continue
    const first = truncations.find(({ lane }) => lane === segment.lane)?.firstKept ?? 0
    const at = places.findIndex(({ lane }) => lane === segment.lane)
    const place = places[at]
    if (place === undefined || segment.index < first || segment.index > place.index) continue
    const path = segmentPath(dataDir, segment)
    if (segment.index < place.index) files.push({ path })
    else files.push({ path, bytes: place.bytes, seal: seals[at]!.bytes })
  }
  return { segments: files, ends: seals.map(({ end }) => end) }
}
