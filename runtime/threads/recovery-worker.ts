/**
 * Entry of a worker that helps a shard thread to recover: it takes shards, rebuilds their states, moves them
 * over, and ends.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Kinds } from '../actor/kinds.js'
import { nodeEnv } from '../env/node-env.js'
import { openerError } from '../journal/file/index.js'
import { memoryOf, takeApart } from '../snapshot/moved-state.js'
import { actorsOf } from './actors-of.js'
import { recoverShards, type PassedOver } from './recover-shards.js'
import { RecoveryBoard } from './recovery-board.js'
import type { HelperData, HelperNotice } from './recovery-helpers.js'
import { flattenError } from './thread-error.js'

if (isMainThread || parentPort === null) {
  throw new Error('recovery-worker is the entry of a worker thread; use createRuntime instead')
}
const shardThread = parentPort
const tell = (notice: HelperNotice, memory: ArrayBuffer[] = []): void => {
  shardThread.postMessage(notice, memory)
}

const { module, scope, board } = workerData as HelperData
try {
  const actors = await actorsOf(module)
  const passedOver: PassedOver[] = []
  const env = nodeEnv()
  const claims = new RecoveryBoard(scope, board)
  const states = await recoverShards(env, scope, new Kinds(actors), passedOver, claims).catch(
    (error: unknown) => {
      throw openerError(env, scope.plan, error)
    },
  )
  const moved = states.map(takeApart)
  tell({ type: 'recovered', states: moved, passedOver }, moved.flatMap(memoryOf))
} catch (error) {
  tell({ type: 'failed', error: flattenError(error) })
}
