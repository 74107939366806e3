/** Waits for NATS no longer than a node can afford, and not at all for what it could not be asked. */
import type { Env } from '../../runtime/index.js'
import { NatsUnreachable } from '../../transport/index.js'

/**
 * A promise's value, or undefined when it does not come in time or NATS is unreachable: then nobody
 * knows what became of what was asked. What comes later is ignored. @throws whatever else it rejects with
 */
export function within<T>(env: Env, delayMs: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = env.timers.after(delayMs, () => resolve(undefined))
    promise.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        if (error instanceof NatsUnreachable) resolve(undefined)
        else reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}

/** Resolves after a delay. */
export function pause(env: Env, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    env.timers.after(delayMs, resolve)
  })
}
