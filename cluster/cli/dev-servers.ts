/**
 * Keeps the NATS servers of `suanpan dev` running, as its supervisor keeps the nodes: one that died is started
 * again on what it had kept, after pauses that grow.
 */
import { RestartPauses } from '../supervisor/restart-pauses.js'
import type { NatsServers } from '../../transport/nats/index.js'

/**
 * @param tell a line for each death
 * @returns a function that ends it: called before the servers are stopped
 */
export function keepRunning(
  servers: Pick<NatsServers, 'onDeath' | 'restart'>,
  tell: (sentence: string) => void,
): () => void {
  const pauses = new Map<number, RestartPauses>()
  const timers = new Set<NodeJS.Timeout>()
  let ended = false
  servers.onDeath(({ index, name, how }) => {
    if (ended) return
    const pause = pauses.get(index) ?? new RestartPauses()
    pauses.set(index, pause)
    const inMs = pause.next()
    tell(`NATS server ${name} ended (${how}); it is started again in ${inMs} ms.`)
    const timer = setTimeout(() => {
      timers.delete(timer)
      pause.started()
      servers.restart(index)
    }, inMs)
    timers.add(timer)
  })
  return () => {
    ended = true
    for (const timer of timers) clearTimeout(timer)
  }
}
