/**
 * The main thread's side of one shard thread: a worker, or the same code in this thread.
 */
import { Worker, type MessagePort } from 'node:worker_threads'
import type { ActorModule } from '../actor/define-actor.js'
import type { Env } from '../env/env.js'
import { Fault } from '../errors.js'
import type { Link } from '../../transport/index.js'
import { ShardThread, type ShardThreadPorts } from './shard-thread.js'
import { rebuildError } from './thread-error.js'
import type { Notice, NumberedOrder, Order, ThreadStart, WorkerStart } from './thread-protocol.js'

/** What every shard thread can be asked, wherever it runs. */
export interface ThreadHandle {
  /** Gives an order. @throws Fault, OpenRefused */
  order(order: Order): Promise<unknown>
  /** Ends the thread at once; what is not durable is lost. */
  stop(): Promise<void>
}

/** What a thread tells unasked. */
export interface ThreadListener {
  report(event: string, detail: Record<string, unknown>): void
  fail(error: unknown): void
}

/** Runs the shards in the calling thread. @throws OpenRefused */
export async function openInline(
  env: Env,
  start: ThreadStart,
  actors: ActorModule,
  client: Link,
  listener: ThreadListener,
): Promise<ThreadHandle> {
  const ports: ShardThreadPorts = {
    client,
    peers: [undefined],
    report: (event, detail) => {
      listener.report(event, detail)
    },
    fail: (error) => {
      listener.fail(error)
    },
  }
  const thread = await ShardThread.open(env, start, actors, ports)
  return { order: (order) => thread.obey(order), stop: () => Promise.resolve() }
}

/** Young generation of a shard thread: batches of short-lived objects fit, so few are promoted. */
const youngGenerationMb = 192

/** Runs the shards in a worker thread. @throws OpenRefused */
export async function openWorker(
  start: WorkerStart,
  ports: readonly MessagePort[],
  listener: ThreadListener,
): Promise<ThreadHandle> {
  const worker = new Worker(new URL('./shard-worker.js', import.meta.url), {
    name: `suanpan-shards-${start.thread}`,
    workerData: start,
    transferList: [...ports],
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  })
  const handle = new WorkerHandle(worker, listener)
  try {
    await handle.opened
  } catch (error) {
    await handle.stop()
    throw error
  }
  return handle
}

class WorkerHandle implements ThreadHandle {
  readonly opened: Promise<void>
  private readonly worker: Worker
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >()
  private nextNumber = 1
  private stopped = false

  constructor(worker: Worker, listener: ThreadListener) {
    this.worker = worker
    this.opened = new Promise((resolve, reject) => {
      worker.on('message', (notice: Notice) => {
        if (notice.type === 'opened') resolve()
        else if (notice.type === 'openFailed') reject(rebuildError(notice.error))
        else this.take(notice, listener)
      })
      worker.on('error', (error) => {
        reject(error)
        this.ended(error, listener)
      })
      worker.on('exit', (code) => {
        const error = new Error(`a shard thread ended with code ${code}`)
        reject(error)
        this.ended(error, listener)
      })
    })
  }

  order(order: Order): Promise<unknown> {
    if (this.stopped) return Promise.reject(new Fault('closed'))
    return new Promise((resolve, reject) => {
      const number = this.nextNumber++
      this.waiting.set(number, { resolve, reject })
      this.worker.postMessage({ number, order } satisfies NumberedOrder)
    })
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.worker.terminate()
  }

  private take(notice: Notice, listener: ThreadListener): void {
    switch (notice.type) {
      case 'done':
        this.waiting.get(notice.number)?.resolve(notice.value)
        this.waiting.delete(notice.number)
        return
      case 'refused':
        this.waiting.get(notice.number)?.reject(rebuildError(notice.error))
        this.waiting.delete(notice.number)
        return
      case 'failed':
        listener.fail(rebuildError(notice.error))
        return
      case 'report':
        listener.report(notice.event, notice.detail)
        return
      case 'opened':
      case 'openFailed':
    }
  }

  private ended(error: Error, listener: ThreadListener): void {
    const reason = this.stopped ? new Fault('closed') : error
    for (const { reject } of this.waiting.values()) reject(reason)
    this.waiting.clear()
    if (!this.stopped) listener.fail(error)
  }
}
