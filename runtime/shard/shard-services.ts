/** What the host of a shard gives it. */
import type { Message } from '../messaging/message.js'
import type { RuntimeCode } from '../errors.js'
import type { AnswerSink } from './requests.js'
import type { Shard } from './shard.js'

/** What a shard needs from its host. */
export interface ShardServices extends AnswerSink {
  monotonic(): number
  /** Clock for a new frame, ms since 1970, already guarded against jumps. */
  now(): number
  /** Answers a request that is not taken because of what lasts, whatever waits. */
  turnAway(id: number, code: RuntimeCode, detail: string): void
  /** A message is in the open frame. Inside the lane it may be handled at once. */
  sent(message: Message): void
  /** A shard of the lane that turns of this one may call into. */
  near(shard: number): Shard | undefined
  /** @returns true when a message and its effect stand in one group: nobody has to acknowledge it */
  settled(message: Message): boolean
  /** Says something to the operator. */
  report(event: string, detail: Record<string, unknown>): void
}

export interface ShardBounds {
  readonly mailboxMessagesMax: number
  readonly keysMax: number
  /** Bytes of an open frame from which on the shard waits for the frame in flight. @default no bound */
  readonly openFrameBytes?: number
}
