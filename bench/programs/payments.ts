/**
 * A measured process: the runtime embedded, the payment domain on it, the generator beside it in the
 * main thread, as a service that embeds it would be. Everything through the public API, one promise a
 * payment, every payment with a key of its own.
 */
import { createRuntime, type Runtime } from '../../runtime/index.js'
import { payments } from '../../actors/index.js'
import { seeded } from '../harness/chance.js'
import { closedLoop, openLoop, type Measured } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import { shardOfHome } from '../../runtime/internal.js'
import { openParties } from './open-parties.js'
import { Pairs, Parties, type Pattern } from './parties.js'
import { PaymentsWorkload, type Operation } from './payments-workload.js'

export interface PaymentsSetup {
  readonly dataDir: string
  readonly threads?: number
  readonly shards: number
  readonly accounts: number
}

export interface PaymentsRound {
  readonly seconds: number
  readonly pattern: Pattern
  /** What is paid: once; from user and campaign together; from one account to three. @default 'pay' */
  readonly operation?: Operation
  /** Closed loop with so many at work, */
  readonly window?: number
  /** or open loop with this rate. */
  readonly perSecond?: number
  /** Snapshots of all shards are written again and again meanwhile. @default false */
  readonly snapshots?: boolean
}

const seed = 20_260_101
/** What runs here. */
interface Running {
  readonly runtime: Runtime
  readonly workload: PaymentsWorkload
}

let running: Running | undefined

async function open(setup: PaymentsSetup): Promise<unknown> {
  const runtime = await createRuntime({
    dataDir: setup.dataDir,
    actors: payments.actors,
    shards: setup.shards,
    ...(setup.threads === undefined ? {} : { threads: setup.threads }),
  })
  const parties = new Parties(setup.accounts)
  const bank = payments.client(runtime)
  await openParties(bank, parties)
  running = { runtime, workload: new PaymentsWorkload(bank, parties, `e${runtime.epoch}`) }
  return { threads: runtime.threads, shards: runtime.shards, opened: parties.count }
}

async function round(options: PaymentsRound): Promise<Measured> {
  const { runtime, workload } = running!
  workload.begin(new Pairs(workload.parties, options.pattern, seed), options.operation ?? 'pay')
  const { seconds, perSecond, window = 1 } = options
  const ended = new AbortController()
  const snapshots = options.snapshots === true ? keepSnapshotting(runtime, ended.signal) : undefined
  const measured =
    perSecond === undefined
      ? await closedLoop(workload, { seconds, window })
      : await openLoop(workload, { seconds, perSecond, chance: seeded(seed) })
  ended.abort()
  await snapshots
  return measured
}

async function keepSnapshotting(runtime: Runtime, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) await runtime.snapshot()
}

serveOrders({
  open,
  round,
  shareAcross(pattern: Pattern): number {
    const { workload, runtime } = running!
    const { parties } = workload
    return new Pairs(parties, pattern, seed).shareAcross((party) =>
      shardOfHome(parties.addresses[party]!, runtime.shards),
    )
  },
  /** Before a crash and after each run: what was acknowledged. */
  save: (path: string) => running!.workload.acknowledgements.save(path),
  async close(path: string): Promise<void> {
    running!.workload.acknowledgements.save(path)
    await running!.runtime.close()
  },
})
