/**
 * A message from one shard to another, as it stands in the frame that caused it.
 */
import type { Address } from '../actor/address.js'

export interface Message {
  readonly source: number
  readonly target: number
  /** Dense per ordered pair of shards, from 1; 0 until its turn is committed. */
  number: number
  readonly address: Address
  /** '' marks a comparison of the pair's totals that no actor sees. */
  readonly command: string
  readonly input: unknown
  /** The sender, when it wants the answer: its address, its `then` command, its context. */
  readonly from: Address | undefined
  readonly then: string | undefined
  readonly context: unknown
  /**
   * True once the frame it is in is durable. Inside a lane a message is handled before that: sender
   * and target commit in one atomic group, so neither can be durable without the other.
   */
  durable: boolean
  /** What the sender's tally says about the pair after this message. */
  stamp: unknown
}
