/**
 * A message from one shard to another, as it stands in the frame that caused it.
 */
import type { Address } from '../actor/address.js'

/** One shape, made often: two are on the way of every payment. */
export class Message {
  readonly source: number
  readonly target: number
  /** Dense per ordered pair of shards, from 1; 0 until its turn is committed. */
  number = 0
  readonly address: Address
  /** '' marks a comparison of the pair's totals that no actor sees. */
  readonly command: string
  readonly input: unknown
  /** The sender, when it wants the answer: its address, its `then` command, its context. */
  from: Address | undefined = undefined
  then: string | undefined = undefined
  context: unknown = undefined
  /** What the sender's tally says about the pair after this message. */
  stamp: unknown = undefined
  /**
   * True once the frame it is in is durable. Inside a lane a message is handled before that: sender
   * and target commit in one atomic group, so neither can be durable without the other.
   */
  durable = false
  /** True for a near call: its turn was run inside the one that sends it. */
  handled = false

  constructor(source: number, target: number, address: Address, command: string, input: unknown) {
    this.source = source
    this.target = target
    this.address = address
    this.command = command
    this.input = input
  }

  /** Messages are causes of turns as they are. */
  get type(): 'message' {
    return 'message'
  }

  /** What it says, without how far it got. */
  get fields(): MessageFields {
    const { source, target, number, address, command, input, from, then, context, stamp } = this
    return { source, target, number, address, command, input, from, then, context, stamp }
  }

  /** A message that came out of a journal, a snapshot or a link. */
  static restored(fields: MessageFields): Message {
    const message = new Message(
      fields.source,
      fields.target,
      fields.address,
      fields.command,
      fields.input,
    )
    message.number = fields.number
    message.from = fields.from
    message.then = fields.then
    message.context = fields.context
    message.stamp = fields.stamp
    message.durable = true
    return message
  }
}

/** What a message says, as plain data. */
export type MessageFields = Pick<
  Message,
  | 'source'
  | 'target'
  | 'number'
  | 'address'
  | 'command'
  | 'input'
  | 'from'
  | 'then'
  | 'context'
  | 'stamp'
>
