/** A user's own actors, as the messages scenario runs them: parcels with objects and strings. */
import { addressOf, defineActor, type ActorModule } from '../../runtime/index.js'

/** What a message carries. */
export interface Parcel {
  readonly sender: { readonly name: string; readonly city: string }
  readonly items: readonly { readonly sku: string; readonly quantity: number }[]
  readonly note: string
}

interface DepotState {
  readonly parcels: number
  readonly quantity: number
  readonly last: string
}

interface Forward {
  readonly to: readonly string[]
  readonly parcel: Parcel
}

const empty: DepotState = { parcels: 0, quantity: 0, last: '' }

function receive(state: DepotState, parcel: Parcel): DepotState {
  return {
    parcels: state.parcels + 1,
    quantity: parcel.items.reduce((sum, item) => sum + item.quantity, state.quantity),
    last: parcel.note,
  }
}

export const depot = defineActor({
  kind: 'depot',
  state: empty,
  events: { received: receive },
  commands: {
    /** Asked: the answer goes to the client. */
    take(turn, parcel: Parcel) {
      turn.emit('received', parcel)
      return { parcels: turn.state.parcels, at: turn.key, note: turn.state.last }
    },
    /** Sent on: one durable message to each depot, applied exactly once. */
    forward(turn, { to, parcel }: Forward) {
      for (const key of to) turn.send(addressOf('depot', key), 'take', parcel)
      return to.length
    },
  },
  queries: { count: (view) => view.self.parcels },
})

export const actors: ActorModule = { module: import.meta.url, definitions: [depot] }
