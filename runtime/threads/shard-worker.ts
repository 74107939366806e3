/**
 * Entry of a worker that runs shards. It only wires ports and orders to {@link ShardThread}.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { PortLink } from '../../transport/index.js'
import { nodeEnv } from '../env/node-env.js'
import { actorsOf } from './actors-of.js'
import { startHelpers } from './recovery-helpers.js'
import { ShardThread } from './shard-thread.js'
import { flattenError } from './thread-error.js'
import type { Notice, NumberedOrder, WorkerData, WorkerStart } from './thread-protocol.js'

if (isMainThread || parentPort === null) {
  throw new Error('shard-worker is the entry of a worker thread; use createRuntime instead')
}
const main = parentPort
const tell = (notice: Notice): void => {
  main.postMessage(notice)
}
const report = (event: string, detail: Record<string, unknown>): void => {
  const { error, ...rest } = detail
  const plain = error === undefined ? rest : { ...rest, error: flattenError(error) }
  tell({ type: 'report', event, detail: plain })
}

try {
  const { module } = workerData as WorkerData
  const told = new Promise<WorkerStart>((resolve) => main.once('message', resolve))
  const actors = await actorsOf(module)
  const start = await told
  const { helpers, clientPort, peerPorts, ...scope } = start
  const thread = await ShardThread.open(nodeEnv(), start, actors, {
    client: new PortLink(clientPort),
    peers: peerPorts.map((port) => (port === undefined ? undefined : new PortLink(port))),
    report,
    help: helpers === 0 ? undefined : startHelpers(helpers, module, scope),
    fail: (error) => {
      tell({ type: 'failed', error: flattenError(error) })
    },
  })
  main.on('message', ({ number, order }: NumberedOrder) => {
    thread.obey(order).then(
      (value) => {
        tell({ type: 'done', number, value })
      },
      (error: unknown) => {
        tell({ type: 'refused', number, error: flattenError(error) })
      },
    )
  })
  tell({ type: 'opened' })
} catch (error) {
  tell({ type: 'openFailed', error: flattenError(error) })
}
