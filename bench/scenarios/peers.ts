/**
 * `peers`: the same payment on the systems one would use instead, each started by the harness on
 * loopback with its own folder, in turns with the runtime; afterwards each is killed, started again and
 * its books compared with what it acknowledged.
 */
import { join } from 'node:path'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess, withProcess } from '../harness/measured-process.js'
import { beside, measureRows, type Lane, type Row } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import type { Peer } from '../peers/peer.js'
import { postgres } from '../peers/postgres.js'
import { redis } from '../peers/redis.js'
import type { PeerServer } from '../peers/server.js'
import { absentRow } from './single-row.js'
import { withSuanpan } from './suanpan.js'

const peers: readonly Peer[] = [postgres, redis]

/** A peer that runs, and its client. */
class RunningPeer {
  readonly peer: Peer
  private readonly plan: Plan
  private readonly folder: string
  private readonly client: MeasuredProcess
  private server: PeerServer | undefined

  constructor(peer: Peer, plan: Plan) {
    this.peer = peer
    this.plan = plan
    this.folder = join(plan.folder, peer.name)
    this.client = new MeasuredProcess(peer.name, peer.program)
  }

  async open(): Promise<Lane> {
    this.plan.say(`starting ${this.peer.name}`)
    this.server = await this.peer.start(this.folder)
    await this.client.order('open', this.setup())
    const load = { window: this.peer.window }
    return {
      name: this.peer.name,
      round: (seconds) => this.client.order<Measured>('round', { ...load, seconds }),
    }
  }

  /** Kills the server, starts it again, and compares. */
  async check(): Promise<Integrity> {
    this.plan.say(`killing ${this.peer.name}, starting it again and comparing`)
    const acknowledged = `${this.folder}.acknowledged`
    await this.client.order('save', acknowledged)
    await this.server!.stop('SIGKILL')
    this.server = await this.peer.restart(this.folder)
    const fresh = new MeasuredProcess(this.peer.name, this.peer.program)
    return withProcess(fresh, () =>
      fresh.order<Integrity>('check', { ...this.setup(), acknowledged }),
    )
  }

  async stop(): Promise<void> {
    await this.client.kill()
    await this.server?.stop('SIGKILL')
  }

  private setup(): object {
    const { accounts } = this.plan
    return { endpoint: this.server!.endpoint, accounts, window: this.peer.window }
  }
}

async function run(plan: Plan): Promise<Outcome> {
  const present = peers.filter((peer) => peer.absent() === undefined)
  const running = present.map((peer) => new RunningPeer(peer, plan))
  try {
    return await withSuanpan(plan, async (suanpan) => {
      const lanes = [suanpan.lane('suanpan', { pattern: {}, window: plan.window })]
      for (const peer of running) lanes.push(await peer.open())
      const rows = await measureRows(lanes, plan, 'payments')
      const { integrity } = await suanpan.closeAndCheck()
      const checks: [string, Integrity][] = []
      for (const peer of running) checks.push([peer.peer.name, await peer.check()])
      return outcomeOf(rows, integrity, checks, suanpan.threads)
    })
  } finally {
    await Promise.all(running.map((peer) => peer.stop()))
  }
}

function outcomeOf(
  rows: readonly Row[],
  integrity: Integrity,
  checks: readonly (readonly [string, Integrity])[],
  threads: number,
): Outcome {
  const [own, ...others] = rows
  const absent = peers.flatMap((peer) => {
    const why = peer.absent()
    return why === undefined ? [] : [absentRow(peer.name, 'payments', why)]
  })
  const times = others.map((other) => [other.name, own!.perSecond / other.perSecond] as const)
  return {
    headline: own!,
    rows: [own!, ...others.map((other) => beside(other, own!)), ...absent],
    figures: [
      ...times.map(([name, value]) => [`suanpan to ${name}`, `${value.toFixed(1)} ×`] as const),
      ...checks.map(
        ([name, check]) =>
          [
            `${name} after a kill`,
            `${check.found} of ${check.acknowledged} acknowledged, ${check.lost} lost, ${check.duplicated} twice${check.conserved ? '' : ', NOT CONSERVED'}`,
          ] as const,
      ),
    ],
    data: { times: Object.fromEntries(times), peers: Object.fromEntries(checks) },
    remarks: [
      ...peers.map((peer) => `${peer.name}: ${peer.durability}; ${peer.window} at work at once.`),
      'Processor, collections and memory of a peer are those of its client; its server is not counted.',
    ],
    integrity,
    durability: syncedDurability,
    threads,
  }
}

export const peersScenario: Scenario = {
  name: 'peers',
  summary: 'the same payment on PostgreSQL and Redis, in one run',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'shards', 'window'],
  defaults: { seconds: 6, rounds: 3, accounts: 100_000, window: 8_192 },
  run,
}
