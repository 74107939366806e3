/**
 * Reading a data folder without owning it: for offline checks. It changes nothing.
 *
 * I2. A folder whose owner lives changes under the reader. What can be explained by that is tried
 *     again, and noted; damage that stays is damage.
 */
import type { Disk, Env } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import type { ChainedFrame } from '../frame.js'
import type { Frame, RecoveryReport } from '../journal.js'
import type { ShardHead } from './chains.js'
import { damage } from './damage.js'
import { listFolder, readLineage, type Lineage } from './lineage.js'
import { manifestPath, segmentPath } from './names.js'
import { ownerOf, type OwnerFate } from './ownership.js'
import { readRecord, type Manifest } from './records.js'
import { scanGroups } from './scan.js'
import { SegmentReader } from './segment-reader.js'

/** What a data folder holds. */
export interface FolderInspection {
  readonly manifest: Manifest
  /** Newest epoch that counts. */
  readonly epoch: number
  readonly owner: { readonly pid: number | undefined; readonly fate: OwnerFate }
  readonly report: RecoveryReport
  /** By shard: its newest frame. */
  readonly heads: ReadonlyMap<number, ShardHead>
  /** By shard: ordinal up to which snapshots stand for the journal. */
  readonly base: ReadonlyMap<number, number>
  readonly segments: readonly { readonly file: string; readonly bytes: number }[]
  /** What a person should know when reading this, in sentences. */
  readonly notes: readonly string[]
}

const triesOfLiveFolder = 3

/**
 * Verifies a data folder and reads its frames.
 * @param onFrame called with every frame that is there, each shard's in order; called only when the
 *   whole journal was found sound
 * @throws OpenRefused damaged, newer_format
 */
export async function inspectFolder(
  env: Env,
  dataDir: string,
  onFrame: (frame: Frame) => void = () => undefined,
): Promise<FolderInspection> {
  const manifest = await readRecord<Manifest>(env.disk, manifestPath(dataDir))
  if (manifest === undefined) throw damage(manifestPath(dataDir), 0, 'there is no manifest')
  const owner = await currentOwner(env, dataDir)
  const live = owner.fate === 'running' || owner.fate === 'unknown'
  const lineage = await readLineageOf(env, dataDir, manifest, live)
  const notes: string[] = []
  if (live) notes.push(noteOfLiveOwner)
  await handOut(env.disk, dataDir, lineage, onFrame, live ? notes : undefined)
  return {
    manifest: lineage.manifest ?? manifest,
    epoch: lineage.epoch,
    owner,
    report: lineage.report,
    heads: lineage.heads,
    base: new Map([...lineage.base].map(([shard, { ordinal }]) => [shard, ordinal])),
    segments: lineage.segments.map((segment) => ({
      file: segmentPath(dataDir, segment),
      bytes: segment.bytes,
    })),
    notes,
  }
}

/** A journal nobody writes to, verified. */
export interface ScannedLineage {
  /** Newest epoch that counts; 0 when there is none. */
  readonly epoch: number
  readonly segments: readonly { readonly path: string; readonly validBytes: number }[]
  readonly scan: { readonly heads: ReadonlyMap<number, ShardHead> }
  readonly report: RecoveryReport
}

/**
 * Verifies the journal of a folder nobody owns, and reads its frames.
 * @param onFrame called with every frame that is there, each shard's in order
 * @throws OpenRefused damaged, newer_format
 */
export async function scanLineage(
  disk: Disk,
  dataDir: string,
  onFrame: (frame: ChainedFrame) => void = () => undefined,
): Promise<ScannedLineage> {
  const manifest = await readRecord<Manifest>(disk, manifestPath(dataDir))
  const lineage = await readLineage(disk, dataDir, manifest)
  await handOut(disk, dataDir, lineage, onFrame, undefined)
  return {
    epoch: lineage.epoch,
    segments: lineage.segments.map((segment) => ({
      path: segmentPath(dataDir, segment),
      validBytes: segment.bytes,
    })),
    scan: { heads: lineage.heads },
    report: lineage.report,
  }
}

const noteOfLiveOwner =
  'The folder has a living owner: this is the journal of one moment, and its last group may have been under way.'

/** A live owner writes on while we read: what looks like damage is looked at again. */
async function readLineageOf(
  env: Env,
  dataDir: string,
  manifest: Manifest,
  live: boolean,
): Promise<Lineage> {
  for (let tries = 1; ; tries++) {
    try {
      return await readLineage(env.disk, dataDir, manifest)
    } catch (error) {
      if (!live || tries >= triesOfLiveFolder) throw error
      if (!(error instanceof OpenRefused) || error.code !== 'damaged') throw error
    }
  }
}

async function handOut(
  disk: Disk,
  dataDir: string,
  lineage: Lineage,
  onFrame: (frame: ChainedFrame) => void,
  notesOfLive: string[] | undefined,
): Promise<void> {
  for (const segment of lineage.segments) {
    const path = segmentPath(dataDir, segment)
    if (notesOfLive !== undefined && !disk.existsNow(path)) {
      notesOfLive.push(`The owner let ${path} go behind snapshots while it was to be read.`)
      continue
    }
    const reader = await SegmentReader.open(disk, dataDir, segment)
    try {
      await scanGroups(reader, segment.start, segment.bytes, ({ frames }) => {
        for (const frame of frames) onFrame(frame)
      })
    } finally {
      await reader.close()
    }
  }
  for (const frames of lineage.carried) for (const frame of frames) onFrame(frame)
}

async function currentOwner(env: Env, dataDir: string): Promise<FolderInspection['owner']> {
  const { epochFiles } = await listFolder(env.disk, dataDir)
  const epoch = epochFiles
    .filter(({ kind }) => kind === 'owner')
    .reduce((newest, file) => Math.max(newest, file.epoch), 0)
  if (epoch === 0) return { pid: undefined, fate: 'none' }
  return ownerOf(env, dataDir, epoch)
}
