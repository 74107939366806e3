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
    // Small batches stand in memory they share with others: of those, a copy is moved.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
    this.port.postMessage(own, [own.buffer as ArrayBuffer])
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
