/**
 * Committed turns in an order in which each message's turn stands behind the turn that sent it.
 */
import type { CommittedFrame, CommittedMessage, CommittedTurnView } from './kit.js'

/** A committed turn with what its frame says of it. */
export interface Turn extends CommittedTurnView {
  /** Shard time, ms since 1970. */
  readonly time: number
  /** Virtual ms when its frame was written, and when it was durable. */
  readonly writtenAt: number
  readonly durableAt: number
  /** The last turn of its frame. */
  readonly endsFrame: boolean
}

export function placeOf({ shard, ordinal }: CommittedTurnView): string {
  return `shard ${shard}, ordinal ${ordinal}`
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

type Visit = (turn: Turn, message: CommittedMessage | undefined) => void

/** Orders the turns of all shards so that causes stand before effects. */
export class CausalOrder {
  private readonly waiting = new Map<number, Turn[]>()
  private readonly done = new Map<number, number>()
  private readonly sent = new Map<string, CommittedMessage>()
  private readonly visit: Visit

  /** @param visit called with each turn and the message that caused it */
  constructor(visit: Visit) {
    this.visit = visit
  }

  /** Adds the next frame of a shard; visits its turns and all others that have waited for them. */
  add(frame: CommittedFrame): void {
    const queue = this.waiting.get(frame.shard) ?? []
    this.waiting.set(frame.shard, queue)
    const { time, writtenAt, durableAt } = frame
    frame.turns.forEach((turn, i) => {
      const endsFrame = i === frame.turns.length - 1
      queue.push({ ...turn, time, writtenAt, durableAt, endsFrame })
    })
    while (this.visitSome());
  }

  /** Turns whose cause is in no frame. */
  get left(): readonly Turn[] {
    return [...this.waiting.values()].flat()
  }

  private visitSome(): boolean {
    let visited = false
    for (const queue of this.waiting.values()) {
      for (let turn = queue[0]; turn !== undefined; turn = queue[0]) {
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

  private messageOf({ shard, cause }: Turn): CommittedMessage | undefined {
    return cause.type === 'message'
      ? this.sent.get(`${cause.source} ${shard} ${cause.number}`)
      : undefined
  }

  private dense({ shard, ordinal }: Turn): void {
    const last = this.done.get(shard) ?? 0
    if (ordinal !== last + 1) {
      throw new Violation(
        'dense-ordinals',
        `Shard ${shard} goes on with ordinal ${ordinal} after ${last}.`,
      )
    }
    this.done.set(shard, ordinal)
  }
}
