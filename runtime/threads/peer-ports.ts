/** Links between the shard threads of a runtime. */
import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** A port for each ordered pair of threads, by thread and peer. */
export function peerPorts(count: number): (MessagePort | undefined)[][] {
  const ports = Array.from({ length: count }, () =>
    new Array<MessagePort | undefined>(count).fill(undefined),
  )
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const channel = new MessageChannel()
      ports[a]![b] = channel.port1
      ports[b]![a] = channel.port2
    }
  }
  return ports
}
