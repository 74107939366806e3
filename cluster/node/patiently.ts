/**
 * Does what needs NATS while NATS may be choosing leaders: after a start of the servers that takes
 * seconds, and every node of a cluster asks at once.
 */
import type { Env } from '../../runtime/index.js'
import { LastingTrouble, NatsRefused, NatsUnreachable } from '../../transport/index.js'

const patienceMs = 60_000
const pauseMs = 250
/** ms between two tries of what is not permitted any more. */
const deniedMs = 5_000

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

/**
 * Does what was permitted once, as often as it is not: whoever takes a permission away may give it back. The trouble
 * is told by whoever meets it. @throws whatever else `run` throws, at once
 */
export async function untilPermitted(
  env: Env,
  isOver: () => boolean,
  run: () => Promise<void>,
): Promise<void> {
  while (!isOver()) {
    try {
      await run()
      return
    } catch (error) {
      if (!(error instanceof NatsRefused) || error.code !== 'nats_permission') throw error
    }
    await new Promise<void>((resolve) => env.timers.after(deniedMs, resolve))
  }
}
