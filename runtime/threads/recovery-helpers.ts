/**
 * Threads that help a shard thread to recover its shards, on cores that would wait for it meanwhile. They
 * end when they have given their states to it.
 */
import { Worker } from 'node:worker_threads'
import { limits } from '../limits.js'
import type { MovedState } from '../snapshot/moved-state.js'
import type { PassedOver, RecoveryScope } from './recover-shards.js'
import { RecoveryBoard } from './recovery-board.js'
import { rebuildError } from './thread-error.js'
import type { ThreadError } from './thread-protocol.js'

/** What a helper begins with. */
export interface HelperData {
  /** Module that exports the actors as `actors`. */
  readonly module: string
  readonly scope: RecoveryScope
  /** Memory of the {@link RecoveryBoard}. */
  readonly board: SharedArrayBuffer
}

export type HelperNotice =
  | {
      readonly type: 'recovered'
      readonly states: readonly MovedState[]
      readonly passedOver: readonly PassedOver[]
    }
  | { readonly type: 'failed'; readonly error: ThreadError }

/** What one helper gave. */
export type Recovered = Extract<HelperNotice, { type: 'recovered' }>

/** Helpers of one shard thread. */
export interface RecoveryHelp {
  readonly board: RecoveryBoard
  /** Resolves with what all of them gave. @throws OpenRefused */
  recovered(): Promise<readonly Recovered[]>
  /** Ends them, whatever they do. */
  stop(): Promise<void>
}

/** Turns in a journal from which on a helper's start takes less time than it saves. */
const turnsMin = 100_000
/** More of them would wait for each other's memory and disk. */
const helpersMax = 3
/** The board holds one cursor per pair of shards; with more shards it would outgrow a few megabytes. */
const shardsMax = 1_024

/** @returns how many threads may help each shard thread */
export function helpersFor(cores: number, threads: number, scope: RecoveryScope): number {
  const turns = Object.values(scope.plan.lastOrdinals).reduce((sum, one) => sum + one, 0)
  if (turns < turnsMin || scope.shards > shardsMax || threads === 0) return 0
  return Math.min(helpersMax, Math.max(0, Math.floor(cores / threads) - 1))
}

/** Starts helpers; what they can't do {@link RecoveryHelp.recovered} throws. */
export function startHelpers(count: number, module: string, scope: RecoveryScope): RecoveryHelp {
  const board = RecoveryBoard.makeMemory(scope.shards)
  const workers = Array.from(
    { length: count },
    (_, number) =>
      new Worker(new URL('./recovery-worker.js', import.meta.url), {
        name: `suanpan-recovery-${scope.thread}-${number}`,
        workerData: { module, scope, board } satisfies HelperData,
        resourceLimits: { maxYoungGenerationSizeMb: limits.youngGenerationMb },
      }),
  )
  const results = workers.map(resultOf)
  // Whoever waits for them sees it: the thread may have failed itself.
  for (const result of results) result.catch(() => undefined)
  return {
    board: new RecoveryBoard(scope, board),
    recovered: () => Promise.all(results),
    async stop() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

function resultOf(worker: Worker): Promise<Recovered> {
  return new Promise((resolve, reject) => {
    worker.on('message', (notice: HelperNotice) => {
      if (notice.type === 'recovered') resolve(notice)
      else reject(rebuildError(notice.error))
    })
    worker.on('error', reject)
    worker.on('exit', (code) => {
      reject(new Error(`a thread that helped to recover ended with code ${code}`))
    })
  })
}
