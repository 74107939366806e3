/**
 * Batches between shards, in pieces that a link between nodes carries.
 */
import { limits } from '../limits.js'
import type { PeerBatch, PeerWriter } from '../threads/batches.js'

/** Packs a batch: halved as long as it is too long, with the acknowledgements in front. */
export function* peerPieces(writer: PeerWriter, batch: PeerBatch): Generator<Uint8Array> {
  const bytes = writer.pack(batch)
  const { messages, acknowledgements } = batch
  if (bytes.length <= limits.nodeBatchBytes || messages.length < 2) {
    yield bytes
    return
  }
  const half = messages.length >> 1
  yield* peerPieces(writer, { messages: messages.slice(0, half), acknowledgements })
  yield* peerPieces(writer, { messages: messages.slice(half), acknowledgements: [] })
}
