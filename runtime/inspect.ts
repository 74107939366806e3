/**
 * Reads a data folder offline: every snapshot, every frame, every state, and changes nothing.
 *
 * I1. The folder is only read. Nothing is created, adopted, repaired or removed, so a folder can be
 *     inspected on a medium that can't be written.
 * I2. Everything is read, not only what a start needs: each kept snapshot to its end, each segment of
 *     the lineage group by group. The first damage ends the inspection, with file and offset.
 * I3. States are rebuilt as a start rebuilds them, and the tally is checked after every frame.
 */
import { join, resolve as resolvePath } from 'node:path'
import { actorClient } from './actor/actor-client.js'
import { kindOf, type Address } from './actor/address.js'
import type {
  ActorClient,
  Answered,
  QuarantinedActor,
  RuntimeClient,
  ShardStatus,
} from './actor/client.js'
import type { ActorDefinition, ActorModule } from './actor/define-actor.js'
import { Kinds } from './actor/kinds.js'
import { isRefusal } from './actor/refusal.js'
import { isParked } from './actor/turn.js'
import type { Env } from './env/env.js'
import { nodeEnv } from './env/node-env.js'
import { Fault, OpenRefused, Refused } from './errors.js'
import { checkReached, countingManifest, identityOf, scanLineage } from './journal/file/index.js'
import { refuseInUse } from './journal/file/ownership.js'
import type { ChainedFrame } from './journal/frame.js'
import type { RecoveryReport } from './journal/journal.js'
import { limits } from './limits.js'
import { replayFrame } from './shard/replay.js'
import { ShardState } from './shard/shard-state.js'
import { quarantinedOf } from './shard/shard-status.js'
import { ActorView } from './shard/shard-view.js'
import {
  listSnapshots,
  readSnapshot,
  snapshotFolder,
  snapshotMissing,
} from './snapshot/file-snapshots.js'
import { SnapshotRestore } from './snapshot/snapshot-restore.js'
import { chainEnds } from './snapshot/snapshot-store.js'

export interface InspectOptions {
  readonly dataDir: string
  /** The kinds the folder was written with, or newer ones. */
  readonly actors: ActorModule
  /** Called now and then with the number of frames read. */
  readonly onProgress?: (frames: number) => void
}

/** How much there is in a data folder. */
export interface FolderCounts {
  readonly segments: number
  readonly journalBytes: number
  readonly frames: number
  /** Turns in the frames that are there; those behind snapshots may be gone. */
  readonly turns: number
  readonly snapshots: number
  readonly snapshotBytes: number
  /** Last ordinals of all shards together: turns ever committed. */
  readonly ordinals: number
  /** Events of all actors together, ever. */
  readonly events: number
  /** Actors by kind. */
  readonly actors: Readonly<Record<string, number>>
}

/** A folder as read: its states answer queries, commands are refused. */
export interface InspectedFolder extends RuntimeClient {
  readonly recovery: RecoveryReport
  /** Fencing number of the last owner; 0 when the folder was never opened. */
  readonly epoch: number
  readonly counts: FolderCounts
  /** Addresses of all actors. */
  addresses(): Iterable<Address>
}

/**
 * Reads a data folder that nobody is using.
 * @throws OpenRefused `damaged` with its place, `data_dir_in_use`, `newer_format`, `newer_version`;
 *   `invalid_options` when there is no data folder
 */
export function inspectDataFolder(options: InspectOptions): Promise<InspectedFolder> {
  return inspectFolder(nodeEnv(), options)
}

/** As {@link inspectDataFolder}, in any environment. */
export async function inspectFolder(env: Env, options: InspectOptions): Promise<InspectedFolder> {
  const dataDir = resolvePath(options.dataDir)
  const manifest = await countingManifest(env.disk, dataDir)
  if (manifest === undefined) {
    throw new OpenRefused(
      'invalid_options',
      `${options.dataDir} is no data folder: it has no manifest. Check the name.`,
    )
  }
  await refuseInUse(env, dataDir, 'stop that process, then inspect it')
  const kinds = new Kinds(options.actors)
  const read = { frames: 0, turns: 0, snapshots: 0, snapshotBytes: 0 }
  const states: ShardState[] = []
  for (let shard = 0; shard < manifest.shards; shard++) {
    const shardOptions = {
      shard,
      shards: manifest.shards,
      kinds,
      keyRetentionMs: limits.keyRetentionMsDefault,
    }
    const empty = (): ShardState => new ShardState(shardOptions)
    states.push(await restore(env, dataDir, empty, identityOf(manifest), read))
  }
  /** By shard: the first ordinal behind a gap. */
  const gaps = new Map<number, number>()
  const lineage = await scanLineage(env.disk, dataDir, (frame) => {
    read.frames++
    read.turns += frame.count
    if (!replayChecked(states, frame) && !gaps.has(frame.shard))
      gaps.set(frame.shard, frame.firstOrdinal)
    if (read.frames % framesPerReport === 0) options.onProgress?.(read.frames)
  })
  await checkAllReached(env, dataDir, states, lineage, gaps)
  const journalBytes = lineage.segments.reduce((sum, segment) => sum + segment.validBytes, 0)
  return new ReadFolder(kinds, states, lineage, {
    ...read,
    segments: lineage.segments.length,
    journalBytes,
  })
}

const framesPerReport = 1_024

/** @throws OpenRefused damaged, where a snapshot is missing; journal_regressed */
async function checkAllReached(
  { disk }: Env,
  dataDir: string,
  states: readonly ShardState[],
  { scan }: Lineage,
  gaps: ReadonlyMap<number, number>,
): Promise<void> {
  for (const { shard, ordinal: reached } of states) {
    const last = scan.heads.get(shard)?.ordinal ?? 0
    checkReached(shard, reached, last)
    if (reached === last) continue
    const next = gaps.get(shard) ?? last + 1
    const folder = snapshotFolder(join(dataDir, 'snapshots'), shard)
    throw await snapshotMissing(disk, folder, { shard, reached, next })
  }
}

/** Reads every snapshot of a shard to its end. @returns the state of the newest one */
async function restore(
  env: Env,
  dataDir: string,
  empty: () => ShardState,
  owner: Uint8Array,
  read: { snapshots: number; snapshotBytes: number },
): Promise<ShardState> {
  let newest: ShardState | undefined
  const first = empty()
  const folder = snapshotFolder(join(dataDir, 'snapshots'), first.shard)
  for (const { path, parts, ordinal } of chainEnds(await listSnapshots(env.disk, folder))) {
    const state = empty()
    const restoring = new SnapshotRestore(state)
    const add = (block: Uint8Array): void => {
      read.snapshotBytes += block.length
      restoring.add(block)
    }
    for (const part of parts) await readSnapshot(env.disk, part, add, owner)
    if (!restoring.complete) {
      throw new OpenRefused('damaged', `The snapshot ${path} ends too early.`, {
        file: path,
        offset: await sizeOf(env, path),
      })
    }
    if (state.ordinal !== ordinal) {
      const what = `The snapshot ${path} was cut at ordinal ${state.ordinal}: it has the name of another.`
      throw new OpenRefused('damaged', what, { file: path, offset: 0 })
    }
    read.snapshots += parts.length
    newest ??= state
  }
  return newest ?? first
}

async function sizeOf(env: Env, path: string): Promise<number> {
  const file = await env.disk.open(path, 'read')
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}

/** @returns false when the frame does not follow on what snapshots and journal gave so far */
function replayChecked(states: readonly ShardState[], frame: ChainedFrame): boolean {
  const state = states[frame.shard]
  if (state === undefined) {
    throw new OpenRefused(
      'damaged',
      `The journal has frames of shard ${frame.shard}; the folder has ${states.length} shards.`,
    )
  }
  if (frame.firstOrdinal > state.ordinal + 1) return false
  replayFrame(state, frame)
  const broken = state.kinds.tally?.check(state.tally)
  if (broken === undefined) return true
  throw new OpenRefused(
    'damaged',
    `Shard ${frame.shard}, ordinals ${frame.firstOrdinal} to ${frame.firstOrdinal + frame.count - 1}: ${broken}`,
  )
}

type Lineage = Awaited<ReturnType<typeof scanLineage>>

class ReadFolder implements InspectedFolder {
  readonly shards: number
  readonly recovery: RecoveryReport
  readonly epoch: number
  readonly counts: FolderCounts
  private readonly kinds: Kinds
  private readonly states: readonly ShardState[]

  constructor(
    kinds: Kinds,
    states: readonly ShardState[],
    lineage: Lineage,
    read: Omit<FolderCounts, 'ordinals' | 'events' | 'actors'>,
  ) {
    this.kinds = kinds
    this.states = states
    this.shards = states.length
    this.recovery = lineage.report
    this.epoch = lineage.epoch
    this.counts = { ...read, ...totalsOf(states) }
  }

  *addresses(): Iterable<Address> {
    for (const state of this.states) {
      yield* state.actors.keys()
      const stored: Address[] = []
      const cut = state.store.cut()
      cut.read((actor) => stored.push(actor.address), 0, cut.slots)
      yield* stored
    }
  }

  actor<D extends ActorDefinition>(definition: D, key: string): ActorClient<D> {
    return actorClient(this, definition, key)
  }

  command(): Promise<Answered<unknown>> {
    return Promise.reject(new Fault('closed', 'The data folder is only read here.'))
  }

  query(address: Address, query: string, input: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      resolve(this.ask(address, query, input))
    })
  }

  shardStatus(): Promise<ShardStatus[]> {
    return Promise.resolve(
      this.states.map((state) => ({
        shard: state.shard,
        thread: 0,
        state: 'inspected',
        ordinal: state.ordinal,
        actors: state.actors.size,
        storedActors: state.store.size,
        idempotencyKeys: state.keys.size,
        outboxMessages: state.outbox.size,
        mailbox: 0,
        tally: state.tally,
        disagreements: [...state.disagreements],
      })),
    )
  }

  comparePairs(): Promise<[]> {
    return Promise.resolve([])
  }

  quarantined(): Promise<QuarantinedActor[]> {
    return Promise.resolve(this.states.flatMap(quarantinedOf))
  }

  release(): Promise<void> {
    return Promise.reject(new Fault('closed', 'The data folder is only read here.'))
  }

  private ask(address: Address, name: string, input: unknown): unknown {
    const run = this.kinds.of(address)?.queries.get(name)
    const state = this.states[this.kinds.shardOf(address, this.shards)]
    if (run === undefined || state === undefined) throw new Fault('unknown_command')
    const outcome = run(new ActorView(state, address, state.time), input)
    if (isRefusal(outcome)) throw new Refused(outcome.refused, outcome.detail)
    if (isParked(outcome)) throw new Fault('not_ready')
    return outcome
  }
}

function totalsOf(
  states: readonly ShardState[],
): Pick<FolderCounts, 'ordinals' | 'events' | 'actors'> {
  const actors: Record<string, number> = {}
  let ordinals = 0
  let events = 0
  const add = (address: Address, version: number): void => {
    const kind = kindOf(address)
    actors[kind] = (actors[kind] ?? 0) + 1
    events += version
  }
  for (const state of states) {
    ordinals += state.ordinal
    for (const { address, version } of state.actors.values()) add(address, version)
    const cut = state.store.cut()
    cut.read((actor) => add(actor.address, actor.version), 0, cut.slots)
  }
  return { ordinals, events, actors }
}
