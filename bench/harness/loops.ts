/**
 * The two ways to put load on a system.
 *
 * G1. Closed loop: so many operations are always at work; the next begins when one ends. Says what a
 *     system can do, and hides how long it stalls.
 * G2. Open loop: operations begin at planned moments (Poisson arrivals), whatever the system does.
 *     Latency counts from the planned moment, not from when the generator got round to it.
 * G3. An open loop that fell behind its plan measured something else: the round says so and is invalid.
 */
import { performance } from 'node:perf_hooks'
import type { Chance } from './chance.js'
import { Latencies } from './latencies.js'
import { startMeter, type MeterReading } from './meter.js'

/** One operation at work. What it is about is the workload's, in `a`, `b` and `c`. */
export class Slot {
  a = 0
  b = 0
  c = 0
  /** Planned or actual begin, ms of the monotonic clock. */
  at = 0
  /** Called with the answer or the error; made once a slot, not once an operation. */
  readonly answered: (answer: unknown) => void
  readonly failed: (error: unknown) => void

  constructor(ended: (slot: Slot, answer: unknown, error: unknown) => void) {
    this.answered = (answer) => {
      ended(this, answer, undefined)
    }
    this.failed = (error) => {
      ended(this, undefined, error)
    }
  }
}

/** What is asked of a system, one operation at a time. */
export interface Workload {
  /** Begins one operation. */
  issue(slot: Slot): Promise<unknown>
  acknowledged(slot: Slot, answer: unknown): void
  /** A refusal or a fault. */
  refused(slot: Slot, error: unknown): void
}

/** One round as measured. */
export interface Measured {
  readonly completed: number
  readonly refused: number
  /** Code of the first refusal. */
  readonly refusal?: string
  /** Until the last operation that counts had ended. */
  readonly seconds: number
  readonly latency: string
  readonly meter: MeterReading
  /** Open loop only. */
  readonly offered?: {
    readonly perSecond: number
    readonly sent: number
    /** Share of the planned rate that was kept: 1 unless the generator's own thread fell behind. */
    readonly kept: number
    /** Sent and not answered when the plan ended. */
    readonly backlog: number
    /** The plan was given up because too much was unanswered. */
    readonly abandoned: boolean
  }
}

class Tally {
  completed = 0
  refused = 0
  refusal: string | undefined
  atWork = 0
  readonly latencies = new Latencies()
  private readonly workload: Workload

  constructor(workload: Workload) {
    this.workload = workload
  }

  ended(slot: Slot, answer: unknown, error: unknown): void {
    this.atWork--
    if (error === undefined) {
      this.completed++
      this.latencies.record(performance.now() - slot.at)
      this.workload.acknowledged(slot, answer)
      return
    }
    this.refused++
    this.refusal ??= codeOf(error)
    this.workload.refused(slot, error)
  }

  measured(seconds: number, meter: MeterReading): Measured {
    return {
      completed: this.completed,
      refused: this.refused,
      ...(this.refusal === undefined ? {} : { refusal: this.refusal }),
      seconds,
      latency: this.latencies.pack(),
      meter,
    }
  }
}

/** The stable code of a refusal or fault; the message of anything else. */
export function codeOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message ?? error)
}

/** G1. @param options.window operations at work at once */
export function closedLoop(
  workload: Workload,
  options: { readonly seconds: number; readonly window: number },
): Promise<Measured> {
  return new Promise((resolve) => {
    const tally = new Tally(workload)
    const stop = startMeter()
    const startedAt = performance.now()
    const until = startedAt + options.seconds * 1000
    const begin = (slot: Slot): void => {
      tally.atWork++
      slot.at = performance.now()
      workload.issue(slot).then(slot.answered, slot.failed)
    }
    const ended = (slot: Slot, answer: unknown, error: unknown): void => {
      tally.ended(slot, answer, error)
      if (performance.now() < until) begin(slot)
      else if (tally.atWork === 0) {
        resolve(tally.measured((performance.now() - startedAt) / 1000, stop()))
      }
    }
    for (let i = 0; i < options.window; i++) begin(new Slot(ended))
  })
}

export interface OpenLoopOptions {
  readonly seconds: number
  readonly perSecond: number
  readonly chance: Chance
}

/** ms of load, and operations, that may be unanswered before a round is given up as hopeless. */
const backlogMsMax = 500
const backlogOperationsMax = 65_536

/** ms between two looks at the plan: arrivals come in clumps of this length, as from sockets. */
const tickMs = 1

/** G2. */
export function openLoop(workload: Workload, options: OpenLoopOptions): Promise<Measured> {
  const { perSecond, chance } = options
  const backlogMax = Math.max(64, Math.min(backlogOperationsMax, (backlogMsMax / 1000) * perSecond))
  return new Promise((resolve) => {
    const tally = new Tally(workload)
    const free: Slot[] = []
    const stop = startMeter()
    const startedAt = performance.now()
    const until = startedAt + options.seconds * 1000
    const gap = (): number => (-Math.log(1 - chance()) / perSecond) * 1000
    let next = startedAt + gap()
    let sent = 0
    let over: Pick<NonNullable<Measured['offered']>, 'kept' | 'backlog' | 'abandoned'> | undefined
    const finish = (): void => {
      if (over === undefined || tally.atWork > 0) return
      const seconds = (performance.now() - startedAt) / 1000
      resolve({ ...tally.measured(seconds, stop()), offered: { perSecond, sent, ...over } })
    }
    const ended = (slot: Slot, answer: unknown, error: unknown): void => {
      tally.ended(slot, answer, error)
      free.push(slot)
      finish()
    }
    const tick = (): void => {
      const now = Math.min(performance.now(), until)
      while (next <= now && tally.atWork < backlogMax) {
        const slot = free.pop() ?? new Slot(ended)
        slot.at = next
        sent++
        tally.atWork++
        workload.issue(slot).then(slot.answered, slot.failed)
        next += gap()
      }
      const abandoned = tally.atWork >= backlogMax
      if (now < until && !abandoned) {
        setTimeout(tick, tickMs)
        return
      }
      const kept = Math.min(1, (options.seconds * 1000) / (performance.now() - startedAt))
      over = { kept, backlog: tally.atWork, abandoned }
      finish()
    }
    tick()
  })
}

/** Of its rate, what a generator must keep for a round to be valid. */
const keptShareMin = 0.99
/** ms of load that may be unanswered when the plan ends. */
const backlogMsAllowed = 100

/** G3. @returns why a round is invalid; undefined when it is valid */
export function invalidity(measured: Measured): string | undefined {
  const { offered, refused, refusal } = measured
  if (offered === undefined) return undefined
  if (offered.abandoned) return 'given up: more came in than went out'
  if (offered.kept < keptShareMin) {
    return `the generator kept only ${(offered.kept * 100).toFixed(1)} % of its rate`
  }
  if (refused > 0) return `${refused} of ${offered.sent} were refused (${refusal ?? 'unknown'})`
  if (offered.backlog > Math.max(64, (backlogMsAllowed / 1000) * offered.perSecond)) {
    return `${offered.backlog} were unanswered at the end: more came in than went out`
  }
  return undefined
}
