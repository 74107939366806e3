/**
 * A link inside one thread: batches arrive later, never in the call that sends them.
 */
import type { Link } from '../link.js'

class MemoryLink implements Link {
  peer: MemoryLink | undefined
  private receive: ((bytes: Uint8Array) => void) | undefined
  private waiting: Uint8Array[] = []
  private readonly soon: (run: () => void) => void

  constructor(soon: (run: () => void) => void) {
    this.soon = soon
  }

  send(bytes: Uint8Array): void {
    const { peer } = this
    if (peer === undefined) return
    peer.waiting.push(bytes)
    if (peer.waiting.length === 1) {
      this.soon(() => {
        peer.drain()
      })
    }
  }

  onBatch(receive: (bytes: Uint8Array) => void): void {
    this.receive = receive
    if (this.waiting.length > 0) {
      this.soon(() => {
        this.drain()
      })
    }
  }

  close(): void {
    if (this.peer !== undefined) this.peer.peer = undefined
    this.peer = undefined
  }

  private drain(): void {
    if (this.receive === undefined) return
    for (const bytes of this.waiting.splice(0)) this.receive(bytes)
  }
}

/** Two ends of one link. @param soon runs a function soon, after the current one */
export function memoryLinkPair(soon: (run: () => void) => void): [Link, Link] {
  const one = new MemoryLink(soon)
  const other = new MemoryLink(soon)
  one.peer = other
  other.peer = one
  return [one, other]
}
