/**
 * Opening a data folder, in an order that survives a crash at any point:
 *
 *   1. create the next epoch file, exclusively: from here on the old owner is fenced
 *   2. read the lineage and scan its segments; refuse damage, drop a torn tail
 *   3. write the last group of every lane again, into a fresh segment, and sync it
 *   4. write the adoption record: the lineage now counts this epoch
 *
 * V2. Only step 4 makes an epoch part of the lineage. What an owner left that never got there is
 *     ignored, and removed by the next one that does.
 * V3. What the opener found is what counts: bytes a zombie adds to old segments later lie behind the
 *     adopted lengths.
 */
import type { Env, TimerHandle } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import { limits } from '../../limits.js'
import type { RecoveryReport } from '../journal.js'
import { carryLastGroups } from './carry.js'
import type { LaneEnd } from './records.js'
import {
  epochPaths,
  folders,
  readRecord,
  writeRecord,
  type Adoption,
  type CleanEnd,
  type Manifest,
} from './records.js'
import { scanLineage, type Lineage } from './lineage.js'
import { acquireEpoch, heartbeatMs } from './ownership.js'
import type { FolderPlan } from './plan.js'
import type { SegmentPlan } from './scan.js'
import { parseSegmentName } from './segment.js'
import { join } from 'node:path'

export interface FolderOptions {
  /** Absolute path. */
  readonly dataDir: string
  /** For a new folder; checked against an existing one. @default 64 for a new one */
  readonly shards?: number
  /** @default 64 MiB */
  readonly segmentBytes?: number
  readonly takeOver: boolean
}

const segmentBytesDefault = 64 * 1024 * 1024
const segmentBytesMin = 4 * 1024

/** An opened data folder. */
export interface JournalFolder {
  readonly manifest: Manifest
  readonly epoch: number
  readonly report: RecoveryReport
  readonly plan: FolderPlan
  /** Ends ownership after every lane was sealed. */
  close(lanes: readonly LaneEnd[]): Promise<void>
  /** Ends ownership without a clean end: the next opener recovers. */
  abandon(): Promise<void>
  stopHeartbeat(): void
}

/** Opens or makes a data folder and becomes its owner. @throws OpenRefused */
export async function openFolder(env: Env, options: FolderOptions): Promise<JournalFolder> {
  const { disk } = env
  const { dataDir } = options
  await disk.makeFolder(folders.journal(dataDir))
  await disk.makeFolder(folders.epochs(dataDir))
  const manifest = await openManifest(env, options)
  const epoch = await acquireEpoch(env, dataDir, options.takeOver)
  try {
    const lineage = await scanLineage(disk, dataDir)
    const segments = [...lineage.segments]
    const carried = await carryLastGroups(disk, dataDir, epoch, manifest.shards, lineage)
    if (carried !== undefined) segments.push(carried)
    await writeRecord(disk, epochPaths.adopted(dataDir, epoch), adoptionOf(epoch, lineage, carried))
    await removeStrays(env, dataDir, epoch, lineage)
    const plan: FolderPlan = {
      dataDir,
      epoch,
      shards: manifest.shards,
      segmentBytes: Math.max(segmentBytesMin, options.segmentBytes ?? segmentBytesDefault),
      segments,
      heads: Object.fromEntries(lineage.scan.heads),
      lastOrdinals: Object.fromEntries(
        [...lineage.scan.heads].map(([shard, head]) => [shard, head.ordinal]),
      ),
    }
    return new OpenFolder(env, manifest, plan, lineage.report)
  } catch (error) {
    await release(env, dataDir, epoch)
    throw error
  }
}

class OpenFolder implements JournalFolder {
  readonly manifest: Manifest
  readonly plan: FolderPlan
  readonly report: RecoveryReport
  private readonly env: Env
  private heartbeat: TimerHandle | undefined

  constructor(env: Env, manifest: Manifest, plan: FolderPlan, report: RecoveryReport) {
    this.env = env
    this.manifest = manifest
    this.plan = plan
    this.report = report
    this.beat()
  }

  get epoch(): number {
    return this.plan.epoch
  }

  async close(lanes: readonly LaneEnd[]): Promise<void> {
    this.stopHeartbeat()
    const { dataDir, epoch } = this.plan
    const end: CleanEnd = { epoch, lanes }
    await writeRecord(this.env.disk, epochPaths.closed(dataDir, epoch), end)
  }

  async abandon(): Promise<void> {
    this.stopHeartbeat()
    await release(this.env, this.plan.dataDir, this.plan.epoch)
  }

  stopHeartbeat(): void {
    this.heartbeat?.cancel()
    this.heartbeat = undefined
  }

  private beat(): void {
    this.heartbeat = this.env.timers.after(heartbeatMs, () => {
      this.beat()
      const path = epochPaths.owner(this.plan.dataDir, this.plan.epoch)
      this.env.disk.touch(path).catch(() => undefined)
    })
  }
}

async function openManifest(env: Env, options: FolderOptions): Promise<Manifest> {
  const path = join(options.dataDir, 'manifest')
  const found = await readRecord<Manifest>(env.disk, path)
  if (found === undefined) {
    const manifest: Manifest = {
      format: 1,
      shards: options.shards ?? limits.shardsDefault,
      secret: Buffer.from(env.chance.bytes(16)).toString('hex'),
      createdAt: env.clock.now(),
    }
    await writeRecord(env.disk, path, manifest)
    return manifest
  }
  if ((found.format as number) > 1) {
    throw new OpenRefused(
      'newer_format',
      `The data folder ${options.dataDir} has format ${found.format}; this program knows 1. Install the newer program.`,
    )
  }
  if (options.shards !== undefined && options.shards !== found.shards) {
    throw new OpenRefused(
      'shards_differ',
      `The data folder ${options.dataDir} was made with ${found.shards} shards and can't be opened with ${options.shards}; the number is fixed for its life.`,
    )
  }
  return found
}

function adoptionOf(
  epoch: number,
  lineage: Lineage,
  carried: SegmentPlan | undefined,
): Adoption {
  return {
    epoch,
    predecessor: lineage.epoch,
    segments: lineage.newest.map(({ lane, index, validBytes }) => ({ lane, index, validBytes })),
    carriedBytes: carried?.validBytes ?? 0,
  }
}

/** Removes segments of epochs that never became part of the lineage, and temporary files. */
async function removeStrays(
  env: Env,
  dataDir: string,
  epoch: number,
  lineage: Lineage,
): Promise<void> {
  const known = new Set([...lineage.epochs, epoch])
  const folder = folders.journal(dataDir)
  for (const name of await env.disk.list(folder)) {
    const identity = parseSegmentName(name.replace(/\.tmp$/, ''))
    const stray = identity !== undefined && !known.has(identity.epoch)
    const unfinished = name.endsWith('.tmp') && identity?.epoch !== epoch
    if (stray || unfinished) await env.disk.remove(join(folder, name))
  }
}

async function release(env: Env, dataDir: string, epoch: number): Promise<void> {
  await writeRecord(env.disk, epochPaths.released(dataDir, epoch), {}).catch(() => undefined)
}
