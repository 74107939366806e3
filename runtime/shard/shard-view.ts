/** What queries and replayed answers see of a shard: states and histories, read only. */
import { keyOf, type Address } from '../actor/address.js'
import {
  Parked,
  Unbound,
  type HistoryOptions,
  type HistoryRow,
  type QueryView,
} from '../actor/turn.js'
import type { Activation, ShardState } from './shard-state.js'

export class ActorView implements QueryView<unknown> {
  readonly address: Address
  readonly now: number
  private readonly shardState: ShardState

  constructor(state: ShardState, address: Address, now: number) {
    this.shardState = state
    this.address = address
    this.now = now
  }

  get key(): string {
    return keyOf(this.address)
  }
  get shard(): number {
    return this.shardState.shard
  }
  get self(): unknown {
    return this.state(this.address)
  }

  state<S>(address: Address): S {
    return this.actor(address).state as S
  }

  version(address: Address): number {
    return this.actor(address).version
  }

  history(address: Address, options: HistoryOptions): HistoryRow[] {
    const head = this.actor(address).history
    return this.shardState.history.read(head, options.limit, options.before)
  }

  historyAt(address: Address, time: number): HistoryRow | undefined {
    return this.shardState.history.at(this.actor(address).history, time)
  }

  park(token: string): Parked {
    return new Parked(token)
  }

  unbound(answer: unknown): Unbound {
    return new Unbound(answer)
  }

  private actor(address: Address): Activation {
    const { kinds, shards, shard, lastStored } = this.shardState
    // What a turn ended is nearly always what its answer is built from.
    if (lastStored?.address === address) return lastStored
    const live = this.shardState.actors.get(address)
    if (live !== undefined) return live
    const kind = kinds.of(address)
    if (kind === undefined) throw new Error(`no kind is defined for ${address}`)
    if (kinds.shardOf(address, shards) !== shard) {
      throw new Error(`${address} lives in another shard and can't be read here`)
    }
    return this.shardState.load(address, kind)
  }
}
