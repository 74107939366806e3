/** An oracle with a bug of its own fails the seed it was found with, and ends neither run nor process. */
import { disownPromise } from '../../transport/index.js'
import type { Oracle, OracleFactory, OracleScope } from './oracle.js'

const hooks = ['invoked', 'completed', 'committed', 'recovered', 'finished'] as const

/** Makes an oracle whose hooks throw nothing: what they throw is a violation, and that hook is called no more. */
export function guardedOracle(factory: OracleFactory, scope: OracleScope): Oracle {
  const oracle = factory.create(scope)
  const guarded: Record<string, unknown> = { name: oracle.name }
  for (const hook of hooks) {
    if (oracle[hook] === undefined) continue
    let broken = false
    const fail = (why: string): void => {
      broken = true
      scope.violation(`the oracle "${factory.name}" failed in its hook ${hook}: ${why}`)
    }
    guarded[hook] = (told: never): void => {
      if (broken) return
      try {
        const given: unknown = oracle[hook]?.(told)
        if (disownPromise(given)) fail('it is async')
      } catch (error) {
        fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
      }
    }
  }
  return guarded as unknown as Oracle
}
