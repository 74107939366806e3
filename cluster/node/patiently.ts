/**
 * Does what needs NATS while NATS may be choosing leaders: after a start of the servers that takes
 * seconds, and every node of a cluster asks at once.
 */
import type { Env } from '../../runtime/index.js'
import { LastingTrouble, NatsUnreachable } from '../../transport/index.js'

const patienceMs = 60_000
const pauseMs = 250

/** @throws NatsUnreachable when it lasts, and whatever else `run` throws, at once */
export async function patiently<T>(
  env: Env,
  report: (event: string, detail: Record<string, unknown>) => void,
  run: () => Promise<T>,
): Promise<T> {
  const deadline = env.clock.monotonic() + patienceMs
  const trouble = new LastingTrouble(() => env.clock.monotonic())
  for (;;) {
    try {
      const value = await run()
      const ms = trouble.over()
      if (ms !== undefined) report('nats_answers', { ms })
      return value
    } catch (error) {
      if (!(error instanceof NatsUnreachable) || env.clock.monotonic() > deadline) throw error
      const so = trouble.met()
      if (so !== undefined) report('nats_awaited', { error, ...so })
    }
    await new Promise<void>((resolve) => env.timers.after(pauseMs, resolve))
  }
}
