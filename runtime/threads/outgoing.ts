/**
 * What leaves for shards that are not here, by the place it goes to. What has no place is dropped: the
 * outbox still owes it, and sends it again.
 */
import type { Message } from '../messaging/message.js'
import type { Acknowledgement } from '../shard/lane.js'
import type { ShardState } from '../shard/shard-state.js'
import type { PeerBatch } from './batches.js'
import { claimsOf, goalOf } from './claims.js'

interface Growing extends PeerBatch {
  readonly messages: Message[]
  readonly acknowledgements: Acknowledgement[]
}

export class Outgoing {
  private readonly batches = new Map<number, Growing>()
  private readonly placeOf: (shard: number) => number | undefined

  constructor(placeOf: (shard: number) => number | undefined) {
    this.placeOf = placeOf
  }

  message(message: Message): void {
    this.batchFor(message.target)?.messages.push(message)
  }

  acknowledgement(acknowledgement: Acknowledgement): void {
    this.batchFor(goalOf(acknowledgement))?.acknowledgements.push(acknowledgement)
  }

  leave(send: (place: number, batch: PeerBatch) => void): void {
    for (const [place, batch] of this.batches) send(place, batch)
  }

  private batchFor(shard: number): Growing | undefined {
    const place = this.placeOf(shard)
    if (place === undefined) return undefined
    let batch = this.batches.get(place)
    if (batch === undefined)
      this.batches.set(place, (batch = { messages: [], acknowledgements: [] }))
    return batch
  }
}

/** How far a shard has the messages of the others, and what it knows of how far they have its own. */
export function greetingsOf(state: ShardState): Acknowledgement[] {
  const { shard, cursors } = state
  const acknowledgements = claimsOf(state)
  cursors.forEach((number, source) => {
    if (number > 0) acknowledgements.push({ source, target: shard, number })
  })
  return acknowledgements
}
