/**
 * Does what needs NATS while NATS may be choosing leaders: after a start of the servers that takes
 * seconds, and every node of a cluster asks at once.
 */
import type { Env } from '../../runtime/index.js'
import { NatsUnreachable } from '../../transport/index.js'

const patienceMs = 60_000
const pauseMs = 250

/** @throws NatsUnreachable when it lasts, and whatever else `run` throws, at once */
export async function patiently<T>(
  env: Env,
  report: (event: string, detail: Record<string, unknown>) => void,
  run: () => Promise<T>,
): Promise<T> {
  const deadline = env.clock.monotonic() + patienceMs
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof NatsUnreachable) || env.clock.monotonic() > deadline) throw error
      report('nats_awaited', { error })
    }
    await new Promise<void>((resolve) => env.timers.after(pauseMs, resolve))
  }
}
