/**
 * A link between two threads over a MessagePort: one message and one moved buffer per batch.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Link } from '../link.js'

export class PortLink implements Link {
  private readonly port: MessagePort

  constructor(port: MessagePort) {
    this.port = port
  }

  send(bytes: Uint8Array): void {
    // The codec's buffers are shared by many batches: move a copy of exactly this one.
    const copy = bytes.slice()
    this.port.postMessage(copy, [copy.buffer])
  }

  onBatch(receive: (bytes: Uint8Array) => void): void {
    this.port.on('message', (bytes: Uint8Array) => {
      receive(bytes)
    })
  }

  close(): void {
    this.port.close()
  }
}
