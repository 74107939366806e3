/** The built harness's inner parts, for tests: children run compiled modules, so their parents must too. */
import { join } from 'node:path'
import type * as IntegrityModule from '../harness/integrity.js'
import type * as SuanpanModule from '../scenarios/suanpan.js'

const built = (path: string): string => new URL(`../../dist/bench/${path}.js`, import.meta.url).href

const integrity = (await import(built('harness/integrity'))) as typeof IntegrityModule
const suanpan = (await import(built('scenarios/suanpan'))) as typeof SuanpanModule

export const recoverAndCheck = integrity.recoverAndCheck

/** A data folder with payments on it. */
export class Suanpan {
  readonly recoverOptions: IntegrityModule.RecoverOptions
  private readonly folder: string
  private readonly accounts: number

  constructor(folder: string, accounts: number) {
    this.folder = folder
    this.accounts = accounts
    const acknowledged = join(folder, 'suanpan.acknowledged')
    this.recoverOptions = { dataDir: join(folder, 'suanpan'), accounts, acknowledged, threads: 1 }
  }

  /** Pays, and closes cleanly. @returns the file of what was acknowledged */
  async payFor(seconds: number): Promise<string> {
    const { acknowledged } = this.recoverOptions
    const plan = {
      seconds,
      warmUpSeconds: 0,
      rounds: 1,
      accounts: this.accounts,
      threads: 1,
      shards: undefined,
      rate: undefined,
      skew: undefined,
      window: 64,
      folder: this.folder,
      say: () => undefined,
    }
    await suanpan.withSuanpan(plan, async (running) => {
      await running.lane('planted', { pattern: {}, window: 64 }).round(seconds)
      await running.process.order('close', acknowledged)
    })
    return acknowledged
  }
}
