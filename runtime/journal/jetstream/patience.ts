/**
 * Waiting for NATS: questions are asked again, with growing pauses, until they are answered. A wait that
 * lasts is told, with its reason: whoever keeps the servers running must hear that a disk is full there.
 */
import { NatsUnreachable } from '../../../transport/index.js'
import type { Env } from '../../env/env.js'

const firstPauseMs = 20
const pauseMsMax = 1_000

/** A wait is told when it has lasted so long, then when it has lasted twice as long, and once a minute in the end. */
const firstToldMs = 2_000
const toldAgainMsMax = 60_000

/** Told of a wait that lasts, and of its end. */
export interface WaitListener {
  /** @param ms so far */
  waits(ms: number, why: string): void
  /** @param ms it took */
  goesOn(ms: number): void
}

/** Pauses that grow up to a second, each with some chance so that many don't ask at once. */
export class Patience {
  private readonly env: Env
  private readonly wanted: () => boolean
  private readonly listener: WaitListener | undefined
  private pauseMs = firstPauseMs
  private stopped = false
  /** Monotonic ms since which something is waited for. */
  private since: number | undefined
  /** How long a wait has to last until it is told (again), ms. */
  private toldAtMs = firstToldMs

  /** @param wanted false once nobody wants what is waited for */
  constructor(env: Env, wanted: () => boolean = () => true, listener?: WaitListener) {
    this.env = env
    this.wanted = wanted
    this.listener = listener
  }

  /** Whoever waits gives up. */
  stop(): void {
    this.stopped = true
  }

  /** What was waited for is there: the next pause is a short one again. */
  renew(): void {
    this.pauseMs = firstPauseMs
    if (this.since === undefined) return
    if (this.toldAtMs > firstToldMs) this.listener?.goesOn(this.waitedMs(this.since))
    this.since = undefined
    this.toldAtMs = firstToldMs
  }

  /** @throws NatsUnreachable as {@link Patience.check} */
  async pause(reason: Error | string): Promise<void> {
    this.check(reason)
    this.tell(reason)
    const delayMs = this.pauseMs * (0.5 + this.env.chance.next())
    this.pauseMs = Math.min(2 * this.pauseMs, pauseMsMax)
    await new Promise<void>((resolve) => void this.env.timers.after(delayMs, resolve))
    this.check(reason)
  }

  /** Asks until there is an answer. @throws whatever is not NatsUnreachable */
  async until<T>(ask: () => Promise<T>): Promise<T> {
    for (let paused = false; ; paused = true) {
      try {
        const answer = await ask()
        // An answer at once ends no wait for something else, such as room for an append.
        if (paused) this.renew()
        return answer
      } catch (error) {
        if (!(error instanceof NatsUnreachable)) throw error
        await this.pause(error)
      }
    }
  }

  /**
   * @param reason what was waited for: that is what went wrong, and whoever asked must hear it
   * @throws NatsUnreachable when it was stopped, or nobody wants it any more
   */
  check(reason: Error | string): void {
    if (!this.stopped && this.wanted()) return
    const sentence = `Nobody waits for NATS any more (${wordsOf(reason).replace(/\.$/, '')}).`
    throw new NatsUnreachable(sentence, reason instanceof Error ? { cause: reason } : {})
  }

  private tell(reason: Error | string): void {
    const ms = this.waitedMs((this.since ??= this.env.clock.monotonic()))
    if (ms < this.toldAtMs) return
    this.toldAtMs = ms + Math.min(ms, toldAgainMsMax)
    this.listener?.waits(ms, wordsOf(reason))
  }

  private waitedMs(since: number): number {
    return Math.round(this.env.clock.monotonic() - since)
  }
}

function wordsOf(reason: Error | string): string {
  return typeof reason === 'string' ? reason : reason.message
}
