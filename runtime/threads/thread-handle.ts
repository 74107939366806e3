/**
 * The main thread's side of one shard thread: a worker, or the same code in this thread.
 */
import { Worker, type MessagePort } from 'node:worker_threads'
import type { ActorModule } from '../actor/define-actor.js'
import type { Env } from '../env/env.js'
import { Fault } from '../errors.js'
import { limits } from '../limits.js'
import type { Link } from '../../transport/index.js'
import { ShardThread, type ShardThreadPorts } from './shard-thread.js'
import { rebuildError } from './thread-error.js'
import type {
  Notice,
  NumberedOrder,
  Order,
  ThreadStart,
  WorkerData,
  WorkerStart,
} from './thread-protocol.js'

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
  return { order: (order) => thread.obey(order), stop: () => thread.stop() }
}

/**
 * A shard thread that is a worker. It loads its code from the moment it is made; which shards it runs it
 * is told later, once that is known.
 */
export class ShardWorker implements ThreadHandle {
  private readonly worker: Worker
  private readonly opened: Promise<void>
  private listener: ThreadListener | undefined
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >()
  private nextNumber = 1
  private stopped = false
  /** False until its shards are recovered: what ends it before is what {@link open} throws, and no more. */
  private isOpen = false

  /** @param module exports the actors as `actors` */
  constructor(thread: number, module: string) {
    const worker = new Worker(new URL('./shard-worker.js', import.meta.url), {
      name: `suanpan-shards-${thread}`,
      workerData: { module } satisfies WorkerData,
      resourceLimits: { maxYoungGenerationSizeMb: limits.youngGenerationMb },
    })
    this.worker = worker
    this.opened = new Promise((resolve, reject) => {
      worker.on('message', (notice: Notice) => {
        if (notice.type === 'opened') {
          this.isOpen = true
          resolve()
        } else if (notice.type === 'openFailed') reject(rebuildError(notice.error))
        else this.take(notice)
      })
      worker.on('error', (error) => {
        reject(error)
        this.ended(error)
      })
      worker.on('exit', (code) => {
        const error = new Error(`a shard thread ended with code ${code}`)
        reject(error)
        this.ended(error)
      })
    })
    // Whoever opens it sees it; before that nobody has to.
    this.opened.catch(() => undefined)
  }

  /** Gives it its shards and waits until they are recovered. @throws OpenRefused */
  async open(
    start: WorkerStart,
    ports: readonly MessagePort[],
    listener: ThreadListener,
  ): Promise<void> {
    this.listener = listener
    this.worker.postMessage(start, ports)
    await this.opened
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

  private take(notice: Notice): void {
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
        this.listener?.fail(rebuildError(notice.error))
        return
      case 'report':
        this.listener?.report(notice.event, notice.detail)
        return
      case 'opened':
      case 'openFailed':
    }
  }

  private ended(error: Error): void {
    const reason = this.stopped ? new Fault('closed') : error
    for (const { reject } of this.waiting.values()) reject(reason)
    this.waiting.clear()
    if (this.isOpen && !this.stopped) this.listener?.fail(error)
  }
}
