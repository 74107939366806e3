/** The runtime under test in a process of its own, as several scenarios use it. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { recoverAndCheck, type Recovered } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess } from '../harness/measured-process.js'
import type { Lane } from '../harness/rounds.js'
import type { Plan } from '../harness/scenario.js'
import type { Pattern } from '../programs/parties.js'
import type { PaymentsRound, PaymentsSetup } from '../programs/payments.js'

/** Unless others are asked for. */
export const shards = 64

export class Suanpan {
  readonly process = new MeasuredProcess('suanpan', 'programs/payments')
  /** As many as cores: the generator's own part is small. */
  readonly threads: number
  private readonly plan: Plan
  private readonly dataDir: string
  private readonly acknowledged: string

  constructor(plan: Plan) {
    this.plan = plan
    this.threads = plan.threads ?? Math.max(1, availableParallelism() - 1)
    this.dataDir = join(plan.folder, 'suanpan')
    this.acknowledged = join(plan.folder, 'suanpan.acknowledged')
  }

  /** Opens the data folder and the parties. */
  async open(): Promise<void> {
    const { accounts, say } = this.plan
    say(`opening ${accounts} accounts and as many merchants`)
    const setup: PaymentsSetup = {
      dataDir: this.dataDir,
      accounts,
      shards: this.plan.shards ?? shards,
      threads: this.threads,
    }
    await this.process.order('open', setup)
  }

  /** A load on it as a lane of rounds. */
  lane(name: string, load: Omit<PaymentsRound, 'seconds'>): Lane {
    return {
      name,
      round: (seconds) => this.process.order<Measured>('round', { ...load, seconds }),
    }
  }

  shareAcross(pattern: Pattern): Promise<number> {
    return this.process.order<number>('shareAcross', pattern)
  }

  /** Ends it cleanly, recovers what is on disk in a fresh process, and compares. */
  async closeAndCheck(): Promise<Recovered> {
    this.plan.say('closing')
    await this.process.order('close', this.acknowledged)
    return this.check()
  }

  /** Ends it as a crash would, recovers and compares. */
  async killAndCheck(): Promise<Recovered> {
    await this.process.order('save', this.acknowledged)
    await this.process.kill()
    return this.check()
  }

  private check(): Promise<Recovered> {
    this.plan.say('recovering from disk and comparing with what was acknowledged')
    return recoverAndCheck({
      dataDir: this.dataDir,
      accounts: this.plan.accounts,
      acknowledged: this.acknowledged,
      threads: this.threads,
    })
  }
}

/** Runs with the runtime opened, and ends its process whatever happens. */
export async function withSuanpan<T>(
  plan: Plan,
  run: (suanpan: Suanpan) => Promise<T>,
): Promise<T> {
  const suanpan = new Suanpan(plan)
  try {
    await suanpan.open()
    return await run(suanpan)
  } finally {
    await suanpan.process.kill()
  }
}

/** `98.4 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
