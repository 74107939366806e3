/**
 * Opening a data folder, in an order that survives a crash at any point:
 *
 *   1. create the next epoch's file, exclusively: from here on the old owner is fenced
 *   2. read what counts and verify all of it; refuse damage, drop a torn tail
 *   3. write the last group of every lane again, into a fresh segment, and sync it
 *      … the opener rebuilds its shards, and judges whether they fit each other …
 *   4. write the adoption record: now this epoch counts
 *   5. remove what does not count any more
 *
 * A4. What the opener found is what counts: bytes a zombie adds to old segments later lie behind the
 *     adopted lengths.
 * A5. Only files of epochs before one's own are removed, oldest first, and only behind a look at the
 *     fence: a slow opener that was overtaken leaves its successor's files alone.
 * A6. The manifest counts as it stands in the newest adoption record: the secret of key hashes must
 *     not change because a slow opener of a new folder put its own manifest there late.
 * A9. Until step 4 nothing that counts has changed: an opener that gives up before leaves the folder as it
 *     found it, and files that were missing can be put back.
 */
import { dirname, join } from 'node:path'
import { assert } from '../../assert.js'
import type { Disk, Env } from '../../env/env.js'
import { removeIfThere } from '../../env/remove-if-there.js'
import { Fault, OpenRefused } from '../../errors.js'
import { limits } from '../../limits.js'
import type { RecoveryReport } from '../journal.js'
import { carryLastGroups } from './carry.js'
import { headRows } from './chains.js'
import { Fence, type Claim } from './fence.js'
import { listFolder, readLineage, type Lineage } from './lineage.js'
import {
  epochPaths,
  folders,
  isManifestDraft,
  manifestDraft,
  manifestPath,
  parseEpochFile,
  parseSegmentName,
  carriedLane,
  segmentName,
  segmentPath,
  temporarySuffix,
} from './names.js'
import { acquireEpoch, Heartbeat, releaseEpoch } from './ownership.js'
import type { FolderPlan } from './plan.js'
import {
  recordFormat,
  writeRecord,
  type AdoptionRecord,
  type CloseRecord,
  type LaneEnd,
  type Manifest,
} from './records.js'
import { identityOf, readManifest } from './remains.js'
import type { ScannedSegment } from './scan-lane.js'
import { blockBytes } from './segment.js'

/** Options of {@link openFolder}. */
export interface FolderOptions {
  /** Absolute path. */
  readonly dataDir: string
  /** For a new folder; checked against an existing one. @default 32 for a new one */
  readonly shards?: number
  /** Size of a full-grown segment, in whole blocks of 8 bytes. @default 64 MiB */
  readonly segmentBytes?: number
  /** Succeed an owner that is alive; the fence stops it. @default false */
  readonly takeOver?: boolean
}

const segmentBytesDefault = 64 * 1024 * 1024
const segmentBytesMin = 1024
const segmentBytesMax = 1024 * 1024 * 1024

/** A data folder of ours, read. */
export interface JournalFolder {
  readonly manifest: Manifest
  readonly epoch: number
  readonly report: RecoveryReport
  readonly plan: FolderPlan
  /**
   * Makes this epoch count, once, before any lane is opened (A9).
   * @throws OpenRefused data_dir_in_use, damaged
   */
  adopt(): Promise<void>
  /** Ends ownership after every lane was sealed. @param lanes where each ended @throws Fault fenced */
  close(lanes: readonly LaneEnd[]): Promise<void>
  /** Ends ownership without a clean end: the next opener recovers, as if nobody had been here (A9). */
  abandon(): Promise<void>
  /** The process is about to end after a failure; others need not wait for its heartbeat. */
  stopHeartbeat(): void
}

/**
 * Becomes the owner of a data folder, or makes one, and reads it. It counts once it is adopted (A9).
 * @throws OpenRefused data_dir_in_use, damaged, newer_format, shards_differ, invalid_options
 */
export async function openFolder(env: Env, options: FolderOptions): Promise<JournalFolder> {
  const { disk } = env
  const { dataDir } = options
  const segmentBytes = checkedSegmentBytes(options.segmentBytes ?? segmentBytesDefault)
  // What can be refused without becoming the owner is.
  checkManifest(await readManifest(disk, dataDir), options)
  await disk.makeFolder(folders.journal(dataDir))
  await disk.makeFolder(folders.epochs(dataDir))
  await disk.syncFolder(dataDir)
  const claim = await acquireEpoch(env, dataDir, options.takeOver ?? false)
  const { epoch } = claim
  const heartbeat = new Heartbeat(env, dataDir, epoch)
  try {
    const found = await readManifest(disk, dataDir)
    checkManifest(found, options)
    const lineage = await readLineage(disk, dataDir, found)
    const manifest = await settleManifest(env, options, epoch, lineage.manifest, found)
    const carried = await carryLastGroups(env, dataDir, epoch, manifest.shards, lineage.carried)
    const segments = [...lineage.segments, ...(carried === undefined ? [] : [carried])]
    const facts = { shards: manifest.shards, identity: identityOf(manifest) }
    const plan = planOf({ ...claim, ...facts, segmentBytes }, lineage, segments)
    const adoption = adoptionOf(plan, manifest, lineage)
    return new OpenFolder(env, adoption, plan, lineage.report, heartbeat)
  } catch (error) {
    heartbeat.stop()
    // The reason of the failure matters more than a note that could not be written.
    await releaseEpoch(env, dataDir, epoch).catch(() => undefined)
    throw isFenced(env, claim) ? overtaken(dataDir, error) : error
  }
}

/**
 * What an error of an opener means: one that was overtaken sees files go that its successor let go,
 * and must not call that damage.
 */
export function openerError(env: Env, plan: FolderPlan, error: unknown): unknown {
  if (error instanceof Fault && error.code !== 'fenced') return error
  return isFenced(env, plan) ? overtaken(plan.dataDir, error) : error
}

function isFenced(env: Env, claim: Claim): boolean {
  try {
    new Fence(env.disk, claim).check()
    return false
  } catch (error) {
    return error instanceof Fault && error.code === 'fenced'
  }
}

function overtaken(dataDir: string, cause: unknown): OpenRefused {
  const refusal = new OpenRefused(
    'data_dir_in_use',
    `Another process took the data folder ${dataDir} over while it was being opened.`,
  )
  refusal.cause = cause
  return refusal
}

class OpenFolder implements JournalFolder {
  readonly plan: FolderPlan
  readonly report: RecoveryReport
  private readonly env: Env
  private readonly adoption: Adoption
  private readonly heartbeat: Heartbeat
  /** From the moment its record may be there. */
  private adopted = false

  constructor(
    env: Env,
    adoption: Adoption,
    plan: FolderPlan,
    report: RecoveryReport,
    heartbeat: Heartbeat,
  ) {
    this.env = env
    this.adoption = adoption
    this.plan = plan
    this.report = report
    this.heartbeat = heartbeat
  }

  get manifest(): Manifest {
    return this.adoption.manifest
  }

  get epoch(): number {
    return this.plan.epoch
  }

  async adopt(): Promise<void> {
    const { env, plan, adoption } = this
    const { dataDir, epoch } = plan
    assert(!this.adopted, 'a folder is adopted once')
    try {
      // Rebuilding the shards took its time: who was overtaken meanwhile has nothing to adopt.
      new Fence(env.disk, plan).check()
      this.adopted = true
      await writeRecord(env.disk, epochPaths.adopted(dataDir, epoch), adoption)
      await removeStrays(env, plan)
    } catch (error) {
      throw isFenced(env, plan) ? overtaken(dataDir, error) : error
    }
  }

  async close(lanes: readonly LaneEnd[]): Promise<void> {
    const { disk } = this.env
    const { dataDir, epoch } = this.plan
    this.heartbeat.stop()
    const { epochFiles } = await listFolder(disk, dataDir)
    const opened = epochFiles.filter((file) => file.epoch === epoch && file.kind === 'lane')
    const ends = lanes.map(({ lane, index, offset, crc }) => ({ lane, index, offset, crc }))
    const all = opened.every((file) => ends.some(({ lane }) => lane === file.lane))
    assert(all, 'a folder is closed when all its lanes are sealed')
    new Fence(disk, this.plan).check()
    const record: CloseRecord = { format: recordFormat, epoch, lanes: ends }
    await writeRecord(disk, epochPaths.closed(dataDir, epoch), record)
    for (const { lane } of ends) await removeIfThere(disk, epochPaths.sealing(dataDir, epoch, lane))
    await removeIfThere(disk, this.plan.claim)
    await disk.syncFolder(folders.epochs(dataDir))
  }

  async abandon(): Promise<void> {
    const { disk } = this.env
    const { dataDir, epoch } = this.plan
    this.heartbeat.stop()
    if (!this.adopted) {
      const carried = segmentPath(dataDir, { epoch, lane: carriedLane, index: 0 })
      // Nobody's, and the next opener would remove it.
      await removeIfThere(disk, carried).catch(() => undefined)
    }
    await releaseEpoch(this.env, dataDir, epoch)
  }

  stopHeartbeat(): void {
    this.heartbeat.stop()
  }
}

function checkedSegmentBytes(bytes: number): number {
  const fits = bytes >= segmentBytesMin && bytes <= segmentBytesMax && bytes % blockBytes === 0
  if (fits) return bytes
  throw new OpenRefused(
    'invalid_options',
    `segmentBytes must be a multiple of ${blockBytes} from ${segmentBytesMin} to ${segmentBytesMax}; it is ${bytes}.`,
  )
}

function checkManifest(manifest: Manifest | undefined, options: FolderOptions): void {
  if (manifest === undefined || options.shards === undefined) return
  if (options.shards === manifest.shards) return
  throw new OpenRefused(
    'shards_differ',
    `The data folder ${options.dataDir} was made with ${manifest.shards} shards and can't be opened with ${options.shards}: the number is fixed for its life.`,
  )
}

/** The manifest that counts (A6), and the file that says so. */
async function settleManifest(
  env: Env,
  options: FolderOptions,
  epoch: number,
  adopted: Manifest | undefined,
  found: Manifest | undefined,
): Promise<Manifest> {
  if (adopted === undefined && found !== undefined) return found
  if (adopted !== undefined) checkManifest(adopted, options)
  const manifest = adopted ?? newManifest(env, options)
  if (found?.secret !== manifest.secret || found.shards !== manifest.shards) {
    const { dataDir } = options
    const draft = manifestDraft(dataDir, epoch)
    await writeRecord(env.disk, manifestPath(dataDir), manifest, draft)
  }
  return manifest
}

function newManifest(env: Env, options: FolderOptions): Manifest {
  const shards = options.shards ?? limits.shardsDefault
  const whole = Number.isSafeInteger(shards) && shards >= 1 && shards <= limits.shardsMax
  if (!whole) {
    throw new OpenRefused(
      'invalid_options',
      `shards must be a whole number from 1 to ${limits.shardsMax}; it is ${shards}.`,
    )
  }
  return {
    format: recordFormat,
    shards,
    secret: Buffer.from(env.chance.bytes(16)).toString('hex'),
    createdAt: env.clock.now(),
  }
}

/** An adoption record as it is written now: with the manifest. */
type Adoption = AdoptionRecord & { readonly manifest: Manifest }

function adoptionOf(
  { epoch, segments }: FolderPlan,
  manifest: Manifest,
  lineage: Lineage,
): Adoption {
  return {
    format: recordFormat,
    epoch,
    predecessor: lineage.epoch,
    manifest,
    segments: segments.map(({ heads: _, ...segment }) => segment),
    base: headRows(lineage.base),
  }
}

function planOf(
  scope: Claim & Pick<FolderPlan, 'shards' | 'identity' | 'segmentBytes'>,
  { heads, base }: Lineage,
  segments: readonly ScannedSegment[],
): FolderPlan {
  const ordinals = [...heads].map(([shard, { ordinal }]) => [shard, ordinal] as const)
  const firsts = [...heads].map(([shard]) => [shard, (base.get(shard)?.ordinal ?? 0) + 1] as const)
  const covered = new SharedArrayBuffer(scope.shards * BigInt64Array.BYTES_PER_ELEMENT)
  const known = new BigInt64Array(covered)
  for (const [shard, { ordinal }] of base) known[shard] = BigInt(ordinal)
  return {
    ...scope,
    segments: segments.map((segment) => ({ ...segment, heads: headRows(segment.heads) })),
    heads: Object.fromEntries(heads),
    lastOrdinals: Object.fromEntries(ordinals),
    firstOrdinals: Object.fromEntries(firsts),
    covered,
  }
}

/** Step 5: what earlier epochs left and the new lineage does not name. */
async function removeStrays(env: Env, plan: FolderPlan): Promise<void> {
  const { disk } = env
  const { dataDir, epoch } = plan
  const fence = new Fence(disk, plan)
  const kept = new Set(plan.segments.map(segmentName))
  const stray: string[] = []
  for (const name of await disk.list(folders.journal(dataDir))) {
    const segment = parseSegmentName(withoutSuffix(name))
    if (segment === undefined || segment.epoch >= epoch || kept.has(name)) continue
    stray.push(join(folders.journal(dataDir), name))
  }
  for (const name of await disk.list(folders.epochs(dataDir))) {
    const file = parseEpochFile(withoutSuffix(name))
    if (file === undefined || file.epoch >= epoch) continue
    stray.push(join(folders.epochs(dataDir), name))
  }
  for (const name of await disk.list(dataDir)) {
    if (isManifestDraft(name)) stray.push(join(dataDir, name))
  }
  fence.check()
  for (const path of stray) await removeFile(disk, path)
  for (const folder of new Set(stray.map((path) => dirname(path)))) await disk.syncFolder(folder)
}

/** @throws OpenRefused damaged, which says what to do, when a folder stands in the file's place */
async function removeFile(disk: Disk, path: string): Promise<void> {
  try {
    await removeIfThere(disk, path)
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code !== 'EISDIR' && code !== 'ERR_FS_EISDIR') throw error
    const what = 'a folder stands where a file was that is not needed any more'
    throw new OpenRefused(
      'damaged',
      `The data folder can't be tidied: ${what}, ${path}. Move that folder away and start again.`,
      { file: path, offset: 0 },
    )
  }
}

function withoutSuffix(name: string): string {
  return name.endsWith(temporarySuffix) ? name.slice(0, -temporarySuffix.length) : name
}
