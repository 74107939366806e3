/**
 * Transfers of the reference model: every payer holds and every payee reserves before the first
 * credit; any refusal before it undoes all.
 */
import type { Leg, TransferView } from '../../bank.js'
import {
  count,
  hold,
  post,
  release,
  whyNotCredit,
  whyNotSpend,
  type ModelAccount,
} from './model-account.js'
import { later, refusedWith, type ModelOutcome } from './model-payment.js'

/** What a transfer needs to know of the world. */
export interface TransferWorld {
  account: (address: string) => ModelAccount
  shardOf: (address: string) => number
  dayOf: (time: number) => number
  /** Place of a code in the order of precedence. */
  rankOf: (code: string) => number
}

type Side = 'payer' | 'payee'

/** What an account is asked to do at once. */
export interface AccountSides {
  readonly account: string
  readonly sides: readonly {
    readonly leg: number
    readonly pays: boolean
    readonly amount: number
  }[]
}

/** A side that can't be done, by the number of its leg, and why. */
interface RefusedSide {
  readonly number: number
  readonly why: string
}

/** Of several refusals the one that is the answer: of the first leg, then as they take precedence. */
function firstOf(refused: readonly RefusedSide[], world: TransferWorld): RefusedSide | undefined {
  return [...refused].sort(
    (a, b) => a.number - b.number || world.rankOf(a.why) - world.rankOf(b.why),
  )[0]
}

function sideOf(pays: boolean): Side {
  return pays ? 'payer' : 'payee'
}

/** One side of one leg. */
interface LegSide {
  readonly leg: Leg
  readonly number: number
  readonly side: Side
  readonly here: boolean
  /** asked: its shard has not decided. decided: '' for yes; `day` of a hold. */
  decided: { readonly why: string; readonly day: number } | undefined
  /** The coordinator knows. */
  known: boolean
  /** Never asked, because another side had refused. */
  skipped: boolean
  /** Credited or posted, by its own shard; undone: given back. */
  ended: 'moved' | 'undone' | undefined
  creditedAt: number
}

export class ModelTransfer {
  progress: 'preparing' | 'crediting' | 'settled' | 'refused' = 'preparing'
  readonly id: string
  private readonly legs: readonly Leg[]
  private readonly sides: readonly LegSide[]
  private readonly createdAt: number
  private settledAt = 0
  private readonly legsKnown = new Set<number>()

  constructor(id: string, legs: readonly Leg[], now: number, home: number, world: TransferWorld) {
    this.id = id
    this.legs = legs
    this.createdAt = now
    const sideOf = (side: Side) =>
      legs.map((leg, number): LegSide => ({
        leg,
        number,
        side,
        here: world.shardOf(leg[side]) === home,
        decided: undefined,
        known: false,
        skipped: false,
        ended: undefined,
        creditedAt: 0,
      }))
    this.sides = [...sideOf('payer'), ...sideOf('payee')]
  }

  /**
   * All accounts can be called: whatever is in the first payer's shard moves now, and the rest in the
   * turns behind this one. Nothing may be against any of it.
   */
  beginAtOnce(now: number, world: TransferWorld): ModelOutcome {
    const own = this.sides.filter(({ here }) => here)
    for (const side of own) this.moveSide(side, now, world)
    this.progress = 'settled'
    this.settledAt = now
    return this.outcome(world)
  }

  /** A shard called by the first payer moves its sides: all of them, and no others. */
  moveAtOnce(accounts: readonly AccountSides[], now: number, world: TransferWorld): void {
    const asked = accounts.flatMap(({ account, sides }) =>
      sides.map(({ leg, pays, amount }) => ({ account, leg, kind: sideOf(pays), amount })),
    )
    // An account pays before it is paid, whatever the order of the legs.
    asked.sort((a, b) => Number(b.kind === 'payer') - Number(a.kind === 'payer') || a.leg - b.leg)
    for (const { account, leg, kind, amount } of asked) {
      const side = this.side(leg, kind)
      const same = side.leg[kind] === account && side.leg.amount === amount && !side.here
      if (!same) throw new Error(`${this.id} asks ${account} for what no leg says`)
      this.moveSide(side, now, world)
    }
  }

  /**
   * What a refusal of all at once may have been. Of accounts in other shards the model does not know how
   * they stood at that moment: they may have refused for any reason.
   */
  refusalAtOnce(said: string, now: number, world: TransferWorld): ModelOutcome {
    const first = this.firstRefusalHere(now, world)
    const elsewhere = this.sides.some(
      ({ here, number }) => !here && (first === undefined || number <= first.number),
    )
    if (elsewhere) return refusedWith(said)
    return refusedWith(first?.why ?? '')
  }

  /** The sides of this shard as they would be decided, one behind the other: nothing stays of it. */
  private firstRefusalHere(now: number, world: TransferWorld): RefusedSide | undefined {
    const copies = new Map<string, ModelAccount>()
    const copyOf = (address: string): ModelAccount => {
      const known = copies.get(address)
      if (known !== undefined) return known
      const account = world.account(address)
      const copy = { ...account, spent: new Map(account.spent) }
      copies.set(address, copy)
      return copy
    }
    const refused: RefusedSide[] = []
    for (const side of this.sides) {
      if (!side.here) continue
      const why = this.tryMove(side, now, world, copyOf(side.leg[side.side]))
      if (why !== '') refused.push({ number: side.number, why })
    }
    return firstOf(refused, world)
  }

  private moveSide(side: LegSide, now: number, world: TransferWorld): void {
    const { side: kind, leg, number } = side
    if (side.ended !== undefined) throw new Error(`${this.id}: leg ${number} is moved twice`)
    const why = this.tryMove(side, now, world, world.account(leg[kind]))
    if (why !== '') throw new Error(`${this.id}: leg ${number} is moved in spite of "${why}"`)
    side.decided = { why, day: 0 }
    side.known = true
    side.ended = 'moved'
  }

  /** Moves a side at an account, or says why not. */
  private tryMove(
    { leg, side }: LegSide,
    now: number,
    world: TransferWorld,
    account: ModelAccount,
  ): string {
    const { amount, currency } = leg
    if (side === 'payee') {
      const why = whyNotCredit(account, currency, 'payee_not_found')
      if (why === '') account.creditsPosted += amount
      return why
    }
    const day = world.dayOf(now)
    const why = whyNotSpend(account, amount, currency, day)
    if (why === '') {
      account.debitsPosted += amount
      count(account, amount, day)
    }
    return why
  }

  /** The coordinator begins: its own shard's sides first. */
  begin(now: number, world: TransferWorld): ModelOutcome {
    let refused = Infinity
    for (const side of [
      ...this.sides.filter((s) => s.here),
      ...this.sides.filter((s) => !s.here),
    ]) {
      if (side.number > refused) {
        side.skipped = true
        side.known = true
      } else if (side.here) {
        if (this.decide(side, now, world) !== '') refused = Math.min(refused, side.number)
        side.known = true
      }
    }
    return this.advance(now, world)
  }

  /** A side in another shard is asked. @returns the refusal's code, '' for yes */
  arrive(number: number, kind: Side, now: number, world: TransferWorld): string {
    const side = this.side(number, kind)
    if (side.decided !== undefined) throw new Error(`${this.id}: leg ${number} is asked twice`)
    return this.decide(side, now, world)
  }

  /** The coordinator hears of a side in another shard. */
  comeBack(number: number, kind: Side, now: number, world: TransferWorld): ModelOutcome {
    const side = this.side(number, kind)
    if (side.decided === undefined || side.known) {
      throw new Error(`${this.id}: leg ${number} answers without being asked`)
    }
    side.known = true
    return this.advance(now, world)
  }

  /** Reserved money arrives at a payee. */
  credit(number: number, now: number, world: TransferWorld): void {
    if (this.progress === 'preparing' || this.progress === 'refused') {
      throw new Error(`${this.id}: leg ${number} is credited while ${this.progress}`)
    }
    const side = this.end(number, 'payee', 'moved')
    const payee = world.account(side.leg.payee)
    payee.creditsPending -= side.leg.amount
    payee.creditsPosted += side.leg.amount
    side.creditedAt = now
  }

  /** The coordinator hears of a leg's credit. */
  credited(number: number, world: TransferWorld): ModelOutcome {
    const payee = this.side(number, 'payee')
    if (payee.ended !== 'moved') throw new Error(`${this.id}: leg ${number} was not credited`)
    if (this.legsKnown.has(number)) throw new Error(`${this.id}: leg ${number} is credited twice`)
    this.legsKnown.add(number)
    if (this.side(number, 'payer').here) this.post(number, world)
    if (this.legsKnown.size < this.legs.length) return later
    this.progress = 'settled'
    this.settledAt = Math.max(...this.sides.map(({ creditedAt }) => creditedAt))
    return this.outcome(world)
  }

  /** Held money is spent. */
  post(number: number, world: TransferWorld): void {
    if (!this.legsKnown.has(number)) throw new Error(`${this.id}: leg ${number} is posted too soon`)
    const { leg } = this.end(number, 'payer', 'moved')
    post(world.account(leg.payer), leg.amount)
  }

  /** A hold or reservation in another shard is given back. */
  undo(number: number, kind: Side, world: TransferWorld): void {
    if (this.progress !== 'refused') throw new Error(`${this.id} is undone while ${this.progress}`)
    const { leg, decided } = this.end(number, kind, 'undone')
    if (kind === 'payer') release(world.account(leg.payer), leg.amount, decided?.day ?? 0)
    else world.account(leg.payee).creditsPending -= leg.amount
  }

  /** The first leg of this account and amount that is still to be decided: steps don't name its number. */
  legToDecide(address: string, kind: Side, amount: number): number {
    const side = this.sides.find(
      ({ side, leg, decided, here, skipped }) =>
        side === kind &&
        leg[kind] === address &&
        leg.amount === amount &&
        !here &&
        !skipped &&
        decided === undefined,
    )
    if (side === undefined) throw new Error(`${this.id} asks ${address} for what no leg says`)
    return side.number
  }

  /** A leg of this account and amount that is to be given back: releases don't name its number. */
  legToUndo(address: string, kind: Side, amount: number): number {
    const side = this.sides.find(
      ({ side, leg, ended, decided }) =>
        side === kind &&
        leg[kind] === address &&
        leg.amount === amount &&
        ended === undefined &&
        decided?.why === '',
    )
    if (side === undefined) throw new Error(`${this.id} has nothing to give back to ${address}`)
    return side.number
  }

  /** Sides that promised something which is neither moved nor given back. */
  get unfinished(): number {
    const promised = ({ decided }: LegSide) => this.progress === 'settled' || decided?.why === ''
    return this.sides.filter((side) => promised(side) && side.ended === undefined).length
  }

  private decide(side: LegSide, now: number, world: TransferWorld): string {
    const { leg } = side
    const day = side.side === 'payer' ? world.dayOf(now) : 0
    const account = world.account(leg[side.side])
    const why =
      side.side === 'payer'
        ? whyNotSpend(account, leg.amount, leg.currency, day)
        : whyNotCredit(account, leg.currency, 'payee_not_found')
    if (why === '' && side.side === 'payer') hold(account, leg.amount, day)
    if (why === '' && side.side === 'payee') account.creditsPending += leg.amount
    side.decided = { why, day }
    return why
  }

  private advance(now: number, world: TransferWorld): ModelOutcome {
    if (this.sides.some(({ known }) => !known)) return later
    if (this.sides.every(({ skipped, decided }) => !skipped && decided?.why === '')) {
      this.progress = 'crediting'
      let outcome = later
      for (const { number, here, side } of this.sides) {
        if (side !== 'payee' || !here) continue
        this.credit(number, now, world)
        outcome = this.credited(number, world)
      }
      return outcome
    }
    this.progress = 'refused'
    for (const { number, here, side, decided } of this.sides) {
      if (here && decided?.why === '') this.undo(number, side, world)
    }
    return this.outcome(world)
  }

  /** The first refused leg's refusal, or the settled transfer. */
  private outcome(world: TransferWorld): ModelOutcome {
    if (this.progress === 'refused') {
      const refused = this.sides.flatMap(({ number, decided }) =>
        decided === undefined || decided.why === '' ? [] : [{ number, why: decided.why }],
      )
      return refusedWith(firstOf(refused, world)?.why ?? '')
    }
    const view: TransferView = {
      id: this.id,
      status: 'settled',
      legs: this.legs,
      createdAt: this.createdAt,
      settledAt: this.settledAt,
    }
    return { type: 'answer', value: view }
  }

  private side(number: number, kind: Side): LegSide {
    const side = this.sides.find((s) => s.number === number && s.side === kind)
    if (side === undefined) throw new Error(`${this.id} has no leg ${number}`)
    return side
  }

  private end(number: number, kind: Side, how: 'moved' | 'undone'): LegSide {
    const side = this.side(number, kind)
    if (side.decided?.why !== '') throw new Error(`${this.id}: leg ${number} promised nothing`)
    if (side.ended !== undefined) throw new Error(`${this.id}: leg ${number} is ${how} twice`)
    side.ended = how
    return side
  }
}
