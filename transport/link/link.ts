/**
 * A link moves batches of bytes between two points, in order. Inside a process none is lost; what
 * crosses nodes may be lost, repeated and reordered, and the layers above expect that.
 */
export interface Link {
  /** Sends a batch. The bytes belong to the link afterwards. */
  send(bytes: Uint8Array): void
  /** Calls back with each batch that arrives. */
  onBatch(receive: (bytes: Uint8Array) => void): void
  close(): void
}
