/**
 * `suanpan start --processes N`: several nodes of a cluster on one machine, as workers of
 * `node:cluster` behind one HTTP port. It starts again what dies, with growing pauses, and ends when
 * all were asked to end.
 *
 * S3. A worker that refuses to start would refuse for ever: when no other one serves, the supervisor
 *     ends with it. While another one does, it is tried again: the refusal may be of today only.
 * S4. Asked to end, it asks every worker, waits for all, and tells the worst of their exit codes.
 * S5. No worker outlives it, not even one that stands still.
 * S6. A worker's death is told to the others, who give its shards out at once (`obituaries.ts`).
 */
import cluster, { type Worker } from 'node:cluster'
import { exitCodes } from '../cli/exit-codes.js'
import { Obituaries } from './obituaries.js'
import { RestartPauses } from './restart-pauses.js'

export interface SupervisorOptions {
  readonly processes: number
  /** File each worker runs, and its words. */
  readonly exec: string
  readonly args: readonly string[]
  /** Name of the machine's nodes: the workers are called `<name>-1`, `<name>-2`, … */
  readonly name: string
  readonly onEvent: (event: string, detail: Record<string, unknown>) => void
}

/** Names the node of a worker. */
export const nodeNameVariable = 'SUANPAN_NODE'
/** Exit code of a worker that refuses to start, to its supervisor only: what it said does not pass. */
export const workerRefused = 78

/** One place for a worker: who runs there now, and how its predecessors fared. */
interface Place {
  readonly name: string
  worker: Worker | undefined
  /** Whether it listens: it has joined. */
  serves: boolean
  readonly pauses: RestartPauses
  timer: NodeJS.Timeout | undefined
}

/** Runs workers until {@link Supervisor.stop} or until one can't run. */
export class Supervisor {
  /** Resolves with the exit code when all workers have ended. */
  readonly ended: Promise<number>
  private readonly options: SupervisorOptions
  private readonly places: Place[]
  private readonly running = new Map<Worker, Place>()
  private readonly obituaries = new Obituaries()
  private stopping = false
  private exitCode: number = exitCodes.done
  private end: (code: number) => void = () => undefined

  constructor(options: SupervisorOptions) {
    this.options = options
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
    this.places = Array.from({ length: options.processes }, (_, i) => ({
      name: `${options.name}-${i + 1}`,
      worker: undefined,
      serves: false,
      pauses: new RestartPauses(),
      timer: undefined,
    }))
  }

  start(): void {
    const { exec, args } = this.options
    cluster.setupPrimary({ exec, args: [...args], execArgv: process.execArgv })
    cluster.on('exit', (worker, code, signal) => {
      const place = this.running.get(worker)
      if (place !== undefined) this.ends(worker, place, code, signal)
    })
    cluster.on('listening', (worker) => {
      const place = this.running.get(worker)
      if (place !== undefined) place.serves = true
    })
    cluster.on('message', (worker, message) => {
      if (this.running.has(worker)) this.obituaries.heard(worker, message)
    })
    process.once('exit', () => {
      for (const worker of this.running.keys()) worker.process.kill('SIGKILL')
    })
    for (const place of this.places) this.fork(place)
  }

  /** Asks all workers to end. */
  stop(): void {
    this.stopping = true
    for (const place of this.places) {
      clearTimeout(place.timer)
      place.worker?.process.kill('SIGTERM')
    }
    this.endWhenAllEnded()
  }

  private fork(place: Place): void {
    const worker = cluster.fork({ [nodeNameVariable]: place.name })
    place.worker = worker
    place.serves = false
    place.pauses.started()
    this.running.set(worker, place)
    this.options.onEvent('worker_started', { node: place.name, pid: worker.process.pid })
  }

  private ends(worker: Worker, place: Place, code: number | null, signal: string | null): void {
    this.running.delete(worker)
    this.obituaries.ended(worker, this.running.keys())
    place.worker = undefined
    place.serves = false
    const refused = code === workerRefused || code === exitCodes.usage
    const reason = refused ? { refused } : { code, signal }
    this.options.onEvent('worker_ended', { node: place.name, ...reason })
    if (refused && !this.stopping && !this.places.some(({ serves }) => serves)) {
      this.exitCode = code === exitCodes.usage ? code : exitCodes.failed
      this.stop()
    }
    if (this.stopping) {
      // One that had only begun does not know yet how to end in good order, and has nothing to lose.
      const asked = code === exitCodes.done || signal === 'SIGTERM'
      if (!asked && !refused) this.exitCode = Math.max(this.exitCode, code ?? exitCodes.failed)
      this.endWhenAllEnded()
      return
    }
    const inMs = place.pauses.next()
    place.timer = setTimeout(() => {
      this.fork(place)
    }, inMs)
    this.options.onEvent('worker_restarts', { node: place.name, inMs })
  }

  private endWhenAllEnded(): void {
    if (this.stopping && this.running.size === 0) this.end(this.exitCode)
  }
}
