/**
 * The actors in a shard's memory as they are at a cut. Columns that are used again, not an object each:
 * thousands at once, round after round, would end in the old generation.
 */
import { RecordWriter } from '../shard/packed-records.js'
import type { Activation, ShardState } from '../shard/shard-state.js'
import type { ShapedCodec } from '../../transport/index.js'

/** One place of all columns for each actor; those behind the count are spare. */
class Columns {
  readonly actors: (Activation | undefined)[] = []
  readonly states: unknown[] = []
  readonly versions: number[] = []
  readonly histories: number[] = []
}

/** Columns kept, and places of them: what many writers at once need of ordinary shards. */
const [sparesMax, placesMax] = [32, 16_384]
const spares: Columns[] = []

export class ActorsInMemory {
  private readonly columns = spares.pop() ?? new Columns()
  private count = 0

  /** @param since shard time from which on an actor may have changed */
  constructor(state: ShardState, since: number) {
    const { actors, states, versions, histories } = this.columns
    for (const actor of state.actors.values()) {
      if (actor.version === 0 || actor.touchedAt < since) continue
      const place = this.count++
      actors[place] = actor
      states[place] = actor.state
      versions[place] = actor.version
      histories[place] = actor.history
    }
  }

  /** Their records, in pieces that are valid until the next one. To be pulled to the end, once. */
  *records(codec: ShapedCodec): Generator<Uint8Array> {
    const { actors, states, versions, histories } = this.columns
    const writer = new RecordWriter()
    const actor = { address: '', kindVersion: 0, version: 0, history: 0 }
    for (let i = 0; i < this.count; i++) {
      const { address, kind } = actors[i]!
      actor.address = address
      actor.kindVersion = kind.version
      actor.version = versions[i]!
      actor.history = histories[i]!
      if (!writer.add(actor, states[i], codec)) {
        yield writer.take()
        writer.add(actor, states[i], codec)
      }
      actors[i] = states[i] = undefined
    }
    if (!writer.empty) yield writer.take()
    writer.end()
    if (spares.length < sparesMax && actors.length <= placesMax) spares.push(this.columns)
  }
}
