/**
 * The parties of the payment workloads and who pays whom: accounts and merchants by number, drawn from
 * a repeatable source, and the share of pairs whose sides live in two shards.
 */
import { seeded, shuffled, type Chance } from '../harness/chance.js'
import { Zipf } from '../harness/zipf.js'

export const currency = 'CNY'

/** Who pays whom. */
export interface Pattern {
  /** Of the Zipf distribution both sides are drawn from. @default 0: uniform */
  readonly exponent?: number
  /** Everybody pays the same merchant. */
  readonly hotMerchant?: boolean
  /** Payees are accounts too, never the payer itself. */
  readonly betweenAccounts?: boolean
}

/** Numbers 0 to accounts − 1 are accounts, the next as many merchants, the last one is the campaign. */
export class Parties {
  readonly accounts: number
  readonly addresses: readonly string[]

  constructor(accounts: number) {
    this.accounts = accounts
    this.addresses = Array.from({ length: 2 * accounts + 1 }, (_, party) => this.nameOf(party))
  }

  get count(): number {
    return this.addresses.length
  }

  /** The account that funds a part of every payment of a campaign. */
  get campaign(): number {
    return 2 * this.accounts
  }

  isMerchant(party: number): boolean {
    return party >= this.accounts && party < this.campaign
  }

  private nameOf(party: number): string {
    if (party === this.campaign) return 'account/campaign'
    return party < this.accounts ? `account/a${party}` : `merchant/m${party - this.accounts}`
  }
}

/** Draws payers and payees. Hot ranks are other parties on each side. */
export class Pairs {
  private readonly parties: Parties
  private readonly pattern: Pattern
  private readonly payers: Zipf
  private readonly payees: Zipf
  private readonly payerOf: Uint32Array
  private readonly payeeOf: Uint32Array

  constructor(parties: Parties, pattern: Pattern, seed: number) {
    const chance: Chance = seeded(seed)
    this.parties = parties
    this.pattern = pattern
    this.payers = new Zipf(parties.accounts, pattern.exponent ?? 0, chance)
    this.payees = new Zipf(parties.accounts, pattern.exponent ?? 0, chance)
    this.payerOf = shuffled(parties.accounts, chance)
    this.payeeOf = shuffled(parties.accounts, chance)
  }

  payer(): number {
    return this.payerOf[this.payers.pick()]!
  }

  payee(payer: number): number {
    const { pattern, parties } = this
    if (pattern.hotMerchant === true) return parties.accounts
    if (pattern.betweenAccounts !== true)
      return parties.accounts + this.payeeOf[this.payees.pick()]!
    for (;;) {
      const payee = this.payeeOf[this.payees.pick()]!
      if (payee !== payer || parties.accounts === 1) return payee
    }
  }

  /** Share of pairs whose sides are in two shards, from a sample. */
  shareAcross(shardOf: (party: number) => number, sample = 10_000): number {
    let across = 0
    for (let i = 0; i < sample; i++) {
      const payer = this.payer()
      if (shardOf(payer) !== shardOf(this.payee(payer))) across++
    }
    return across / sample
  }
}
