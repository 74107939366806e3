/**
 * A client that waits out what a cluster does to its shards: a request that met no owner, or one that
 * lost its shard, is asked again until it is answered or its time is over.
 *
 * P1. A request that may have been executed is asked again only with its idempotency key, or when it
 *     is a query: the key makes the repetition find the first answer.
 * P2. Once an attempt may have been executed, or waits somewhere still to be, only what its key leads to
 *     settles the request: an answer, a refusal, a conflict. Whatever else ends it, the caller hears
 *     `outcome_unknown`.
 * P3. A query executes nothing, however often it was tried: what ends it is told as it is.
 * P4. Where nothing can be answered (M7 in `reach.ts`) nobody waits for the end of their time: what was not tried is
 *     not executed, and what was is as in P2.
 * P5. Where trouble lasts – the owner says so, or this node holds no lease (M8) – what ends an attempt ends the
 *     request: to ask again at once is no use, and who asks would wait for the end of their time.
 */
import {
  Fault,
  type Address,
  type Answered,
  type CommandOptions,
  type Env,
} from '../../runtime/index.js'

/** Who carries one attempt out. */
export interface Attempts {
  command(
    address: Address,
    name: string,
    input: unknown,
    options: CommandOptions,
  ): Promise<Answered<unknown>>
  query(
    address: Address,
    name: string,
    input: unknown,
    options: { timeoutMs: number },
  ): Promise<Answered<unknown>>
}

/** What a client needs to know of where it is. */
export interface Surroundings {
  /** Whether nothing can be answered here now (P4). */
  cutOff(): boolean
  /** Whether nobody can be expected to take over now what is not served (P5). */
  adrift(): boolean
}

/** What a repetition of a request does: nothing, nothing anew, or the same again. */
type Repetition = 'query' | 'keyed' | 'unkeyed'

/** ms an attempt may take before it is repeated; twice as long after each that was met with silence. */
const firstAttemptMs = 2_000
/** ms between two attempts: the first, and the longest. */
const firstPauseMs = 10
const longestPauseMs = 100

export class PatientClient {
  private readonly env: Env
  private readonly attempts: Attempts
  private readonly requestTimeoutMs: number
  private readonly answered: ((ms: number) => void) | undefined
  private readonly surroundings: Surroundings

  /** @param answered told how long each answered request took, ms */
  constructor(
    env: Env,
    attempts: Attempts,
    requestTimeoutMs: number,
    surroundings: Surroundings,
    answered?: (ms: number) => void,
  ) {
    this.answered = answered
    this.surroundings = surroundings
    this.env = env
    this.attempts = attempts
    this.requestTimeoutMs = requestTimeoutMs
  }

  command(
    address: Address,
    name: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    const asked = options?.idempotencyKey === undefined ? 'unkeyed' : 'keyed'
    return this.untilAnswered(asked, options?.timeoutMs, (timeoutMs) =>
      this.attempts.command(address, name, input, { ...options, timeoutMs }),
    )
  }

  query(
    address: Address,
    name: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<Answered<unknown>> {
    return this.untilAnswered('query', options?.timeoutMs, (timeoutMs) =>
      this.attempts.query(address, name, input, { timeoutMs }),
    )
  }

  private async untilAnswered(
    repetition: Repetition,
    timeoutMs: number | undefined,
    attempt: (timeoutMs: number) => Promise<Answered<unknown>>,
  ): Promise<Answered<unknown>> {
    const { clock, timers } = this.env
    const begun = clock.monotonic()
    const deadline = begun + (timeoutMs ?? this.requestTimeoutMs)
    let attemptMs = repetition === 'unkeyed' ? Infinity : firstAttemptMs
    let pauseMs = firstPauseMs
    let executed = false
    for (;;) {
      if (this.surroundings.cutOff()) throw executed ? new Fault('outcome_unknown') : cutOff()
      const asked = clock.monotonic()
      const waitMs = Math.max(1, Math.min(attemptMs, deadline - asked))
      try {
        const answer = await attempt(waitMs)
        this.answered?.(clock.monotonic() - begun)
        return answer
      } catch (error) {
        if (!(error instanceof Fault) || error.code === 'idempotency_conflict') throw error
        executed ||= error.outcome === 'unknown' && repetition !== 'query'
        const passing = passes(error) || (executed && error.code === 'overloaded')
        const lasts = error.lasting || this.surroundings.adrift()
        const isLast = lasts || !passing || clock.monotonic() + pauseMs >= deadline
        if (isLast || (executed && repetition === 'unkeyed')) {
          throw executed && error.code !== 'outcome_unknown' ? new Fault('outcome_unknown') : error
        }
      }
      // An answer that came at once, such as that there is no owner yet, says nothing of how long one takes.
      if (clock.monotonic() - asked >= waitMs / 2) attemptMs *= 2
      await new Promise<void>((resolve) => timers.after(pauseMs, resolve))
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
  }
}

/** Trouble that a new owner, or the same one a moment later, does not have. */
function passes(fault: Fault): boolean {
  return fault.code === 'not_ready' || fault.code === 'outcome_unknown' || fault.code === 'fenced'
}

function cutOff(): Fault {
  const sentence =
    'This node reaches neither the journals nor the other nodes now, and tells why; ask another one, or this one later.'
  return new Fault('not_ready', sentence)
}
