/**
 * The log a client keeps of what it asked for and what it was told, outside the node, and the books
 * that follow from it: what every account must hold.
 *
 * L1. A request is written down before it is sent, its answer when it came. What has no answer, or one
 *     that leaves the outcome open, is unknown until the same key was asked again.
 * L2. Refusals are answers too: they stick to their key.
 */

/** What a request does to the books when it is done. */
export type Effect =
  | { readonly type: 'cash'; readonly account: string; readonly amount: number }
  | {
      readonly type: 'move'
      readonly legs: readonly {
        readonly from: string
        readonly to: string
        readonly amount: number
      }[]
    }
  | { readonly type: 'hold'; readonly payer: string; readonly amount: number }
  | {
      readonly type: 'capture'
      readonly payer: string
      readonly payee: string
      readonly amount: number
    }
  | { readonly type: 'void'; readonly payer: string; readonly amount: number }

export interface Answer {
  readonly status: number
  readonly text: string
  readonly replayed: boolean
}

export interface Attempt {
  readonly key: string
  readonly path: string
  readonly body: unknown
  readonly effect: Effect
  /** Undefined while it is unknown. */
  answer?: Answer
}

/** What an account must show, in minor units. */
export interface Book {
  available: number
  pending: number
}

export class AcknowledgementLog {
  readonly books = new Map<string, Book>()
  /** All requests with an answer. */
  readonly known: Attempt[] = []
  readonly unknown = new Set<Attempt>()
  /** Requests that were unknown at some time. */
  everUnknown = 0

  /** Writes a request down, before it is sent. */
  begin(attempt: Attempt): void {
    this.unknown.add(attempt)
  }

  /** Writes an answer down. @returns false when it leaves the outcome open */
  settle(attempt: Attempt, answer: Answer): boolean {
    if (answer.status >= 500) return false
    attempt.answer = answer
    this.unknown.delete(attempt)
    this.known.push(attempt)
    if (answer.status < 300 && !answer.text.includes('"status":"failed"')) {
      this.post(attempt.effect)
    }
    return true
  }

  book(account: string): Book {
    let book = this.books.get(account)
    if (book === undefined) this.books.set(account, (book = { available: 0, pending: 0 }))
    return book
  }

  private post(effect: Effect): void {
    switch (effect.type) {
      case 'cash':
        this.book(effect.account).available += effect.amount
        return
      case 'move':
        for (const { from, to, amount } of effect.legs) {
          this.book(from).available -= amount
          this.book(to).available += amount
        }
        return
      case 'hold':
        this.book(effect.payer).available -= effect.amount
        this.book(effect.payer).pending += effect.amount
        return
      case 'capture':
        this.book(effect.payer).pending -= effect.amount
        this.book(effect.payee).available += effect.amount
        return
      case 'void':
        this.book(effect.payer).pending -= effect.amount
        this.book(effect.payer).available += effect.amount
    }
  }
}
