/**
 * Conservation: in every currency each frame adds up to zero over its shard's accounts, world and
 * transit, and each pair of shards takes what the other gave, never more and never sooner. What is called
 * at a near shard is given in a turn behind the one that takes it, and in the same group.
 */
import { placeOf, Violation, type Turn } from '../committed.js'
import { isNear } from '../reference/model-steps.js'
import type { AccountChange } from '../shadow-bank.js'

/** What the data of an event that moves money may hold. */
interface MoneyData {
  readonly reference: string
  readonly amount: number
  readonly peer?: number
}

/** A leg whose money crosses its coordinator's shard. */
interface RelayedData {
  readonly from: number
  readonly to: number
  readonly amount: number
  readonly currency: string
}

/** How an event moves transit: money that is given first, or taken for what another gave. */
const sides: Readonly<
  Record<string, { readonly side: 'given' | 'taken'; readonly refund: boolean }>
> = {
  credited: { side: 'given', refund: false },
  transferCredited: { side: 'given', refund: false },
  posted: { side: 'taken', refund: false },
  paid: { side: 'taken', refund: false },
  transferPosted: { side: 'taken', refund: false },
  refundDebited: { side: 'given', refund: true },
  refundCredited: { side: 'taken', refund: true },
}

/** Both sides of a leg that is done at once, in turns of one group: what is taken, and what is given. */
const atOnce: Readonly<Record<string, 1 | -1>> = { transferPaid: 1, transferReceived: -1 }

export class ConservationOracle {
  /** By shard and currency: what its open frame adds up to. */
  private readonly frame = new Map<number, Map<string, number>>()
  /** By giver, taker, direction and currency: given less taken. */
  private readonly inFlight = new Map<string, number>()
  /** By pair and transfer: paid less received, of legs that are done at once. */
  private readonly together = new Map<string, number>()
  /** By pair and reference: taken from a near shard whose turn comes behind. */
  private readonly ahead = new Map<string, number>()

  /** @throws Violation */
  turn(turn: Turn, changes: readonly AccountChange[]): void {
    for (const change of changes) this.account(turn, change)
    for (const { kind, event, data } of turn.events) {
      if (kind === 'transfer' && event === 'legCredited') this.relay(turn, data as RelayedData)
    }
    if (!turn.endsFrame) return
    for (const [currency, sum] of this.frame.get(turn.shard) ?? []) {
      if (sum === 0) continue
      throw new Violation(
        'conservation',
        `The frame of shard ${turn.shard} that ends with ordinal ${turn.ordinal} adds up to ${sum} ${currency}.`,
      )
    }
    this.frame.delete(turn.shard)
  }

  /** Money given by one shard and not yet taken by the other. */
  left(): string[] {
    return [...this.inFlight, ...this.ahead, ...this.together]
      .filter(([, amount]) => amount !== 0)
      .map(([pair, amount]) => `${pair}: ${amount}`)
  }

  private account(turn: Turn, { event, before, after, data }: AccountChange): void {
    const { currency } = after
    const moved =
      after.creditsPosted - before.creditsPosted - (after.debitsPosted - before.debitsPosted)
    this.add(turn, currency, moved)
    if (data === null) return
    const { reference, amount, peer } = data as MoneyData
    if (event === 'deposited') this.add(turn, currency, -amount)
    else if (event === 'withdrawn') this.add(turn, currency, amount)
    if (peer === undefined || peer === turn.shard) return
    const direction = atOnce[event]
    if (direction !== undefined) {
      this.add(turn, currency, direction * amount)
      const [payer, payee] = direction === 1 ? [turn.shard, peer] : [peer, turn.shard]
      const pair = `transfer ${reference} from shard ${payer} to shard ${payee}, ${currency}`
      this.together.set(pair, (this.together.get(pair) ?? 0) + direction * amount)
      return
    }
    const crossing = sides[event]
    if (crossing === undefined) return
    // Given for a payment: less in transit here; taken: more. A refund runs the other way.
    const { side, refund } = crossing
    this.add(turn, currency, (side === 'given') === refund ? amount : -amount)
    const [giver, taker] = side === 'given' ? [turn.shard, peer] : [peer, turn.shard]
    const ahead = `${refund ? 'refund' : 'payment'} ${reference} from shard ${giver} to shard ${taker}, ${currency}`
    const taken = this.ahead.get(ahead) ?? 0
    if (side === 'taken' && turn.messages.some((one) => isNear(one) && one.target === peer)) {
      this.ahead.set(ahead, taken + amount)
    } else if (side === 'given' && taken > 0) {
      if (taken < amount)
        throw new Violation(
          'conservation',
          `${placeOf(turn)}: ${ahead} is ${amount}, ${taken} was taken.`,
        )
      this.ahead.set(ahead, taken - amount)
    } else if (side === 'given') this.cross(turn, turn.shard, peer, refund, currency, amount)
    else this.cross(turn, peer, turn.shard, refund, currency, -amount)
  }

  /** Taken over from the payee's shard, given on to the payer's. */
  private relay(turn: Turn, { from, to, amount, currency }: RelayedData): void {
    if (from === turn.shard || to === turn.shard) return
    this.cross(turn, to, turn.shard, false, currency, -amount)
    this.cross(turn, turn.shard, from, false, currency, amount)
  }

  private cross(
    turn: Turn,
    giver: number,
    taker: number,
    refund: boolean,
    currency: string,
    amount: number,
  ): void {
    const pair = `${refund ? 'refunds' : 'payments'} from shard ${giver} to shard ${taker}, ${currency}`
    const left = (this.inFlight.get(pair) ?? 0) + amount
    this.inFlight.set(pair, left)
    if (left >= 0) return
    throw new Violation(
      'conservation',
      `${placeOf(turn)}: ${-left} more is taken than was given (${pair}).`,
    )
  }

  private add({ shard }: Turn, currency: string, amount: number): void {
    if (amount === 0) return
    let sums = this.frame.get(shard)
    if (sums === undefined) this.frame.set(shard, (sums = new Map<string, number>()))
    sums.set(currency, (sums.get(currency) ?? 0) + amount)
  }
}
