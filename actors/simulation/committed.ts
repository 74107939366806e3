/**
 * What the oracles see of the journal: committed turns as plain data, in an order in which each
 * message's turn stands behind the turn that sent it.
 */
import type { Address } from '../../runtime/index.js'

/** One event of a committed turn. */
export interface CommittedEvent {
  readonly address: Address
  /** `kind@version.event`. */
  readonly tag: string
  readonly data: unknown
}

/** One message a committed turn owes to another shard. */
export interface CommittedMessage {
  readonly target: number
  readonly number: number
  readonly address: Address
  /** '' for a comparison of two shards, which no actor sees. */
  readonly command: string
  readonly input: unknown
  readonly context: unknown
}

/** One idempotency key a committed turn remembers. */
export interface CommittedKey {
  readonly hashes: readonly number[]
  readonly note: number
  /** Code and sentence, of a refusal. */
  readonly refusal?: readonly [string, string]
}

export type CommittedCause =
  | { readonly type: 'request' | 'waiting' }
  | { readonly type: 'message'; readonly source: number; readonly number: number }
  | { readonly type: 'timer'; readonly id: number }

export interface CommittedTurn {
  readonly shard: number
  readonly ordinal: number
  /** Shard time, ms since 1970. */
  readonly time: number
  readonly cause: CommittedCause
  readonly events: readonly CommittedEvent[]
  readonly messages: readonly CommittedMessage[]
  readonly keys: readonly CommittedKey[]
  readonly timers: readonly (
    | { readonly type: 'set'; readonly timer: { readonly id: number; readonly address: Address } }
    | { readonly type: 'cancel'; readonly id: number }
  )[]
  readonly quarantine: readonly { readonly type: string; readonly address: Address }[]
  /** The last turn of its frame. */
  readonly endsFrame: boolean
  /** Moments, in the order of the client's history: no earlier and no later did the turn run. */
  readonly ranAfter: number
  readonly durableAt: number
}

/** A client's command, as it was sent. */
export interface SentCommand {
  readonly address: Address
  readonly command: string
  readonly input: unknown
  /** Names the idempotency key with its owner: what two requests must not both bind. */
  readonly key: string
}

/** Kind and event of a tag. */
export function eventOf(tag: string, address: Address): { kind: string; event: string } {
  const at = tag.indexOf('@')
  const kind = at > 0 ? tag.slice(0, at) : address.slice(0, address.indexOf('/'))
  return { kind, event: tag.slice(tag.indexOf('.', at) + 1) }
}

/** A rule that does not hold: what an oracle finds. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly oracle: string

  constructor(oracle: string, sentence: string) {
    super(sentence)
    this.oracle = oracle
  }
}

/** Orders the turns of all shards so that causes stand before effects. */
export class CausalOrder {
  private readonly waiting = new Map<number, CommittedTurn[]>()
  private readonly done = new Map<number, number>()
  private readonly sent = new Map<string, CommittedMessage>()
  private readonly visit: (turn: CommittedTurn, message: CommittedMessage | undefined) => void

  /** @param visit called with each turn and the message that caused it */
  constructor(visit: (turn: CommittedTurn, message: CommittedMessage | undefined) => void) {
    this.visit = visit
  }

  /** Adds the next turn of a shard; visits it and all others that have waited for it. */
  add(turn: CommittedTurn): void {
    const queue = this.waiting.get(turn.shard)
    if (queue === undefined) this.waiting.set(turn.shard, [turn])
    else queue.push(turn)
    while (this.visitSome());
  }

  /** Turns whose cause is in no frame. */
  get left(): readonly CommittedTurn[] {
    return [...this.waiting.values()].flat()
  }

  private visitSome(): boolean {
    let visited = false
    for (const queue of this.waiting.values()) {
      for (;;) {
        const turn = queue[0]
        if (turn === undefined) break
        const message = this.messageOf(turn)
        if (turn.cause.type === 'message' && message === undefined) break
        queue.shift()
        this.dense(turn)
        for (const sent of turn.messages) {
          this.sent.set(`${turn.shard} ${sent.target} ${sent.number}`, sent)
        }
        this.visit(turn, message)
        visited = true
      }
    }
    return visited
  }

  private messageOf({ shard, cause }: CommittedTurn): CommittedMessage | undefined {
    return cause.type === 'message'
      ? this.sent.get(`${cause.source} ${shard} ${cause.number}`)
      : undefined
  }

  private dense(turn: CommittedTurn): void {
    const last = this.done.get(turn.shard) ?? 0
    if (turn.ordinal !== last + 1) {
      throw new Violation(
        'dense-ordinals',
        `Shard ${turn.shard} goes on with ordinal ${turn.ordinal} after ${last}.`,
      )
    }
    this.done.set(turn.shard, turn.ordinal)
  }
}
