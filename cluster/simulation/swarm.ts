/**
 * What one seed does to a cluster: its size, its times, and which faults it has how often. Each kind of
 * fault is off in some seeds, so that what one hides from another is found too.
 */
import { fairWeather, Random, type NatsWeather } from '../../runtime/simulation/index.js'
import { leaseDefaults, type LeaseSettings } from '../membership/settings.js'

/** Mean ms between two faults of a kind; Infinity when it is off. */
export interface ClusterFaults {
  readonly kill: number
  readonly pause: number
  readonly cut: number
  /** All processes are cut off at once. */
  readonly cutAll: number
  readonly election: number
  readonly clockJump: number
  /** A node leaves in good order, and comes back. */
  readonly leave: number
  /** A node more joins, or one of those leaves for good. */
  readonly resize: number
  readonly move: number
  readonly drain: number
  readonly snapshot: number
}

/** Faults that bring about what is rare otherwise. */
export interface RareFaults {
  /** The stream of one journal has no leader, while all else goes on. */
  readonly slowJournal: number
  /** All nodes leave in good order at once, and come back. */
  readonly leaveAll: number
  /** All nodes are asked for snapshots at once. */
  readonly snapshotAll: number
  /** A shard is asked to move while its journal is not heard, it is snapshotted, and its owner is cut off. */
  readonly worstMoment: number
  /** The connections of a node are cut, and come back one after the other. */
  readonly cutApart: number
  /** A node falls asleep over a frame. */
  readonly sleeper: number
  /** Mean ms until the parent of a killed process tells another node. */
  readonly obituary: number
}

export const noRareFaults: RareFaults = {
  slowJournal: Infinity,
  leaveAll: Infinity,
  snapshotAll: Infinity,
  worstMoment: Infinity,
  cutApart: Infinity,
  sleeper: Infinity,
  obituary: Infinity,
}

/** One seed, drawn. */
export interface ClusterPlan {
  readonly seed: number
  readonly nodes: number
  readonly nodesMax: number
  readonly shards: number
  readonly lease: LeaseSettings
  readonly snapshotJournalBytes: number
  /** Small ones cut blocks in the middle. */
  readonly snapshotChunkBytes: number
  readonly mailboxMessages: number
  readonly requestTimeoutMs: number
  readonly keyRetentionMs: number
  readonly clients: number
  /** First attempts of clients, altogether. */
  readonly operations: number
  readonly thinkMs: number
  readonly patienceMs: number
  /** How long faults may last, ms. */
  readonly stormMs: number
  /** ms a wall clock may be off. */
  readonly clockSkewMs: number
  /** How much the pace of clocks may differ from the true one. */
  readonly clockDrift: number
  /** Chance that a message of a snapshot is stored damaged. */
  readonly snapshotDamage: number
  readonly faults: ClusterFaults
  readonly rare: RareFaults
  readonly weather: NatsWeather
}

/** Leases of a cluster in a hurry: more happens in less time. */
const shortLease: LeaseSettings = { leaseMs: 600, renewMs: 120, marginMs: 90, attemptMs: 240 }

/** Draws the plan of a seed. */
export function clusterPlanOf(seed: number): ClusterPlan {
  const random = new Random(seed, 'cluster plan')
  const on = (chance: number, min: number, max: number): number =>
    random.chance(chance) ? random.between(min, max) : Infinity
  const chanceOf = (chance: number, max: number): number =>
    random.chance(chance) ? random.between(max / 20, max) : 0
  const lease = random.chance(0.3) ? leaseDefaults : shortLease
  const nodes = random.whole(3, 5)
  const clients = random.whole(2, 8)
  const operations = random.whole(80, 240)
  const stormMs = lease.leaseMs * random.between(8, 16)
  return {
    seed,
    nodes,
    nodesMax: nodes + random.whole(0, 2),
    shards: random.whole(2, 6),
    lease,
    snapshotJournalBytes: 1024 * random.pick([4, 8, 16, 64]),
    // Of its own, so that older seeds mean what they meant.
    snapshotChunkBytes: 1024 * new Random(seed, 'chunks').pick([0.25, 1, 4, 64, 512]),
    mailboxMessages: random.pick([4, 64, 1024]),
    requestTimeoutMs: lease.leaseMs * random.between(2, 6),
    keyRetentionMs: 86_400_000,
    clients,
    operations,
    thinkMs: (stormMs * clients * random.between(0.2, 0.9)) / operations,
    patienceMs: lease.leaseMs * random.between(0.5, 3),
    stormMs,
    clockSkewMs: random.chance(0.5) ? random.between(1, 5_000) : 0,
    // Both ways together stay below the margin of the lease.
    clockDrift: random.chance(0.5) ? 0.05 : 0,
    snapshotDamage: chanceOf(0.3, 0.1),
    faults: drawFaults(on, lease.leaseMs),
    rare: drawRareFaults(seed, lease.leaseMs),
    weather: drawWeather(random, chanceOf, lease),
  }
}

type On = (chance: number, min: number, max: number) => number

function drawFaults(on: On, leaseMs: number): ClusterFaults {
  const every = (chance: number, min: number, max: number): number =>
    on(chance, min * leaseMs, max * leaseMs)
  return {
    kill: every(0.5, 1, 5),
    pause: every(0.6, 0.7, 4),
    cut: every(0.5, 0.7, 4),
    cutAll: every(0.2, 3, 8),
    election: every(0.4, 1, 6),
    clockJump: every(0.4, 0.5, 3),
    leave: every(0.4, 1, 5),
    resize: every(0.4, 2, 6),
    move: every(0.7, 0.2, 2),
    drain: every(0.3, 2, 6),
    snapshot: every(0.5, 0.2, 2),
  }
}

/** Drawn apart: a plan without them is what it was before there were any. */
function drawRareFaults(seed: number, leaseMs: number): RareFaults {
  const random = new Random(seed, 'rare faults')
  const every = (chance: number, min: number, max: number): number =>
    random.chance(chance) ? random.between(min, max) * leaseMs : Infinity
  return {
    slowJournal: every(0.3, 0.3, 2),
    leaveAll: every(0.2, 2, 6),
    snapshotAll: every(0.3, 0.2, 1),
    worstMoment: every(0.3, 2, 5),
    cutApart: every(0.3, 1, 4),
    sleeper: every(0.4, 0.5, 2),
    obituary: every(0.5, 0, 0.5),
  }
}

function drawWeather(
  random: Random,
  chanceOf: (chance: number, max: number) => number,
  { leaseMs, attemptMs }: LeaseSettings,
): NatsWeather {
  return {
    ...fairWeather(),
    latencyMs: random.between(0.1, attemptMs / 50),
    syncMs: random.between(0.2, attemptMs / 50),
    timeoutMs: attemptMs * random.between(0.5, 3),
    noticeMs: leaseMs * random.between(0.1, 0.6),
    replyLoss: chanceOf(0.5, 0.1),
    lateAppend: chanceOf(0.5, 0.1),
    staleGet: chanceOf(0.5, 0.4),
    lateWatch: chanceOf(0.5, 0.1),
    busLoss: chanceOf(0.5, 0.2),
    busDuplicate: chanceOf(0.5, 0.2),
    busDelay: chanceOf(0.5, 0.2),
    busReorder: chanceOf(0.5, 0.2),
  }
}
