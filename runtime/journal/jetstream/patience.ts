/** Waiting for NATS: questions are asked again, with growing pauses, until they are answered. */
import { NatsUnreachable } from '../../../transport/index.js'
import type { Env } from '../../env/env.js'

const firstPauseMs = 20
const pauseMsMax = 1_000

/** Pauses that grow up to a second, each with some chance so that many don't ask at once. */
export class Patience {
  private readonly env: Env
  private readonly wanted: () => boolean
  private pauseMs = firstPauseMs
  private stopped = false

  /** @param wanted false once nobody wants what is waited for */
  constructor(env: Env, wanted: () => boolean = () => true) {
    this.env = env
    this.wanted = wanted
  }

  /** Whoever waits gives up. */
  stop(): void {
    this.stopped = true
  }

  /** The next pause is a short one again. */
  renew(): void {
    this.pauseMs = firstPauseMs
  }

  /** @throws NatsUnreachable as {@link Patience.check} */
  async pause(reason: unknown): Promise<void> {
    this.check(reason)
    const delayMs = this.pauseMs * (0.5 + this.env.chance.next())
    this.pauseMs = Math.min(2 * this.pauseMs, pauseMsMax)
    await new Promise<void>((resolve) => void this.env.timers.after(delayMs, resolve))
    this.check(reason)
  }

  /** Asks until there is an answer. @throws whatever is not NatsUnreachable */
  async until<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask()
        this.renew()
        return answer
      } catch (error) {
        if (!(error instanceof NatsUnreachable)) throw error
        await this.pause(error)
      }
    }
  }

  /** @throws NatsUnreachable when it was stopped, or nobody wants it any more */
  check(reason: unknown): void {
    if (this.stopped || !this.wanted())
      throw new NatsUnreachable('Nobody waits for NATS any more.', { cause: reason })
  }
}
