/**
 * What a supervisor and its workers tell each other of deaths: a parent sees for certain when its child's
 * process ends, so nobody has to wait until the dead one's lease is over.
 *
 * B1. Only the end of a process is told, never its silence: one that stands still may go on.
 * B2. It is told to every worker, and to each that begins, until one says that it stands in the bucket.
 */
import cluster, { type Worker } from 'node:cluster'

/** A worker's node lives under a new id. */
interface LifeBegins {
  readonly life: string
}

/** An id stands as dead in the bucket. */
interface Buried {
  readonly buried: string
}

/** From the supervisor: the process of this id has ended. */
interface Ended {
  readonly ended: string
}

/** The supervisor's side. */
export class Obituaries {
  /** Id under which each worker lives; those it had before are dead already, or were never members. */
  private readonly lives = new Map<Worker, string>()
  private readonly unburied = new Set<string>()

  /** Takes what a worker says. */
  heard(worker: Worker, message: unknown): void {
    const { life, buried } = fieldsOf<LifeBegins & Buried>(message)
    if (typeof buried === 'string') this.unburied.delete(buried)
    if (typeof life !== 'string') return
    this.lives.set(worker, life)
    for (const id of this.unburied) tell(worker, id)
  }

  /** A worker's process has ended. @param others those that run */
  ended(worker: Worker, others: Iterable<Worker>): void {
    const id = this.lives.get(worker)
    if (!this.lives.delete(worker) || id === undefined) return
    this.unburied.add(id)
    for (const other of others) tell(other, id)
  }
}

function tell(worker: Worker, id: string): void {
  const message: Ended = { ended: id }
  // Who can't be told is ending too.
  if (worker.isConnected()) worker.send(message, () => undefined)
}

/** The worker's side; in a process without a supervisor it does nothing. */
export class Supervised {
  private bury: ((id: string) => Promise<void>) | undefined
  private readonly heard: string[] = []

  constructor() {
    if (!cluster.isWorker) return
    process.on('message', (message) => {
      const { ended } = fieldsOf<Ended>(message)
      if (typeof ended !== 'string') return
      if (this.bury === undefined) this.heard.push(ended)
      else void this.buryOne(this.bury, ended)
    })
  }

  /** The node lives under this id from now on. */
  lifeBegins(id: string): void {
    say({ life: id })
  }

  /** The node has joined. @param bury resolves when an id stands as dead in the bucket */
  joined(bury: (id: string) => Promise<void>): void {
    this.bury = bury
    for (const id of this.heard.splice(0)) void this.buryOne(bury, id)
  }

  private async buryOne(bury: (id: string) => Promise<void>, id: string): Promise<void> {
    await bury(id)
    say({ buried: id })
  }
}

function say(message: LifeBegins | Buried): void {
  if (cluster.isWorker && process.connected)
    process.send?.(message, undefined, undefined, () => undefined)
}

/** Others may use the channel too. */
function fieldsOf<T>(message: unknown): { readonly [K in keyof T]?: unknown } {
  return typeof message === 'object' && message !== null ? message : {}
}
