/**
 * What one seed does: the size of its runtime, and which faults it has how often. Each kind of fault
 * is off in some seeds, so that what one fault hides from another is found too (swarm testing; Groce
 * et al., 2012).
 */
import { Random } from './random.js'

/** Mean ms between two faults of a kind; Infinity when it is off. */
export interface FaultRates {
  readonly kill: number
  readonly powerLoss: number
  readonly pause: number
  readonly takeOver: number
  readonly clockJump: number
  readonly partition: number
  readonly slowDisk: number
  readonly diskFull: number
  readonly syncError: number
  readonly cleanRestart: number
  /** Chance that an opening is crashed. */
  readonly crashInRecovery: number
  readonly clockSkewMs: number
}

/** One seed, drawn. */
export interface Plan {
  readonly seed: number
  readonly threads: number
  /** Whether turns call into shards of their own lane, or send to them. */
  readonly nearCalls: boolean
  readonly shards: number
  readonly segmentBytes: number
  readonly snapshotJournalBytes: number
  readonly mailboxMessages: number
  readonly keyRetentionMs: number
  readonly clients: number
  /** First attempts of clients, altogether. */
  readonly operations: number
  readonly thinkMs: number
  /** A client that heard nothing for this long asks again. */
  readonly patienceMs: number
  readonly diskLatencyMs: number
  readonly networkLatencyMs: number
  readonly faults: FaultRates
  readonly loss: number
  readonly duplicate: number
  readonly delay: number
  readonly reorder: number
  readonly answerLoss: number
  readonly shortWrites: number
  /** Chance that a process dies when it begins to write frames. */
  readonly killAtWrite: number
  /** Chance that power is lost when frames are written and not synced. */
  readonly powerLossAtWrite: number
  /** Factor on the latency of syncs. */
  readonly syncFactor: number
  /** Mean ms between two backups; Infinity where none is made. */
  readonly backupMs: number
}

/** How long a seed's load is, and how much rarer its crashes are: most find more in a short run. */
interface Length {
  readonly load: number
  readonly calm: number
}

const short: Length = { load: 1, calm: 1 }
const lengths: readonly Length[] = [
  short,
  short,
  { load: 3, calm: 2 },
  { load: 3, calm: 1 },
  { load: 8, calm: 4 },
]

/**
 * Draws the plan of a seed.
 * @param isShort a short load whatever the seed has: for many seeds in little time
 */
export function planOf(seed: number, isShort = false): Plan {
  const random = new Random(seed, 'plan')
  const more = new Random(seed, 'length')
  const backups = new Random(seed, 'backups')
  const drawn = more.pick(lengths)
  const { load, calm } = isShort ? short : drawn
  const threads = random.whole(1, 3)
  const on = (chance: number, min: number, max: number): number =>
    random.chance(chance) ? random.between(min, max) * calm : Infinity
  const chanceOf = (chance: number, max: number): number =>
    random.chance(chance) ? random.between(max / 20, max) : 0
  return {
    seed,
    threads,
    nearCalls: new Random(seed, 'near calls').chance(0.5),
    shards: random.whole(threads, 6),
    segmentBytes: 1024 * random.pick([4, 8, 16]),
    snapshotJournalBytes: 1024 * calm * random.pick([4, 8, 16, 64]),
    mailboxMessages: random.pick([1, 4, 64, 1024]),
    keyRetentionMs: 86_400_000,
    clients: random.whole(2, 8),
    operations: random.whole(60, 260) * load,
    thinkMs: random.between(0.5, 30),
    patienceMs: random.between(200, 3_000),
    diskLatencyMs: random.between(0.02, 2),
    networkLatencyMs: random.between(0.01, 2),
    faults: {
      kill: on(0.5, 200, 2_000),
      powerLoss: on(0.6, 200, 2_000),
      pause: on(0.4, 300, 2_000),
      takeOver: on(0.45, 150, 1_500),
      clockJump: on(0.4, 100, 2_000),
      partition: on(0.6, 50, 800),
      slowDisk: on(0.3, 300, 2_000),
      diskFull: on(0.2, 500, 3_000),
      syncError: on(0.3, 500, 3_000),
      cleanRestart: on(0.3, 300, 2_000),
      crashInRecovery: random.chance(0.5) ? random.between(0.1, 0.5) : 0,
      clockSkewMs: random.chance(0.5) ? random.between(1, 5_000) : 0,
    },
    loss: chanceOf(0.6, 0.3),
    duplicate: chanceOf(0.6, 0.3),
    delay: chanceOf(0.6, 0.3),
    reorder: chanceOf(0.6, 0.3),
    answerLoss: chanceOf(0.4, 0.1),
    shortWrites: chanceOf(0.3, 0.02),
    killAtWrite: more.chance(0.5) ? more.between(0.001, 0.02) / calm : 0,
    powerLossAtWrite: more.chance(0.6) ? more.between(0.002, 0.05) / calm : 0,
    syncFactor: more.pick([1, 1, 3, 10]),
    backupMs: backups.chance(0.5) ? backups.between(20, 300) * calm : Infinity,
  }
}
