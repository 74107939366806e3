/** After each run: a fresh process recovers from disk and checks what it finds (programs/recover.ts). */
import type { Comparison } from './acknowledged.js'
import { MeasuredProcess, withProcess } from './measured-process.js'

/** What recovery found of a run. */
export interface Integrity extends Comparison {
  /** Payments asked for again one by one, with their keys. */
  readonly asked: number
  readonly conserved: boolean
  readonly findings: readonly string[]
}

/** How recovery went. */
export interface RecoveryFigures {
  readonly serving: boolean
  /** ms until requests were served, from the call and from the start of the process. */
  readonly openMs: number
  readonly sinceStartMs: number
  readonly ordinals: number
  readonly clean: boolean
  readonly tornTails: number
  readonly rssBytes: number
}

export interface Recovered {
  readonly recovery: RecoveryFigures
  readonly integrity: Integrity
}

export interface RecoverOptions {
  readonly dataDir: string
  readonly accounts: number
  readonly acknowledged: string
  readonly threads?: number
}

/** Recovers a folder that its owner has left, cleanly or not. */
export async function recoverAndCheck(options: RecoverOptions): Promise<Recovered> {
  const { accounts, acknowledged, ...setup } = options
  const fresh = new MeasuredProcess('recovery', 'programs/recover')
  return withProcess(fresh, async () => {
    const recovery = await fresh.order<RecoveryFigures>('open', setup)
    const integrity = await fresh.order<Integrity>('check', { accounts, acknowledged })
    await fresh.order('close')
    return { recovery, integrity }
  })
}
