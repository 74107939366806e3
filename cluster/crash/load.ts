/**
 * The load: clients that deposit, pay, hold, capture, void, refund and transfer, each request with a
 * key of its own, all of it in the acknowledgement log.
 */
import type { AcknowledgementLog, Attempt, Effect } from './acknowledgements.js'
import { ask, forAll } from './client.js'

const currency = 'CNY'
const accounts = Array.from({ length: 10 }, (_, i) => `account/a${i}`)
const merchants = Array.from({ length: 4 }, (_, i) => `merchant/m${i}`)
/** Everybody's first deposit; small, so that some payments are refused. */
const openingAmount = 50_000
const clients = 12

/** All parties, as paths of the API. */
export const parties = [...accounts, ...merchants]

const nameOf = (party: string): string => party.slice(party.indexOf('/') + 1)

interface Payment {
  readonly id: string
  readonly payer: string
  readonly payee: string
  readonly amount: number
}

export class Load {
  private readonly log: AcknowledgementLog
  private readonly chance: () => number
  private readonly prefix: string
  private next = 0
  private readonly held: Payment[] = []
  private readonly settled: Payment[] = []

  /** @param prefix of all keys, so that campaigns on one folder don't meet */
  constructor(log: AcknowledgementLog, chance: () => number, prefix: string) {
    this.log = log
    this.chance = chance
    this.prefix = prefix
  }

  /** Opens all accounts and fills them. @returns false when the node ended before it was done */
  async open(url: string): Promise<boolean> {
    const opened = await forAll(parties, 4, async (party) => {
      const path = party.startsWith('account/') ? '/v1/accounts' : '/v1/merchants'
      const answer = await ask(url, path, { body: { id: nameOf(party), currency } })
      return answer !== undefined && answer.status < 300
    })
    if (!opened) return false
    return forAll(accounts, 4, (account) => this.send(url, this.deposit(account, openingAmount)))
  }

  /** Pays until told to stop, or nobody answers any more. */
  async run(url: string, stopped: () => boolean): Promise<void> {
    await forAll(Array(clients).keys(), clients, async () => {
      while (!stopped()) if (!(await this.send(url, this.draw()))) return true
      return true
    })
  }

  /** A request of any kind. */
  any(): Attempt {
    return this.draw()
  }

  /** One more request. */
  one(): Attempt {
    return this.deposit(this.pick(accounts), this.amount())
  }

  /** @returns false when no answer came that settles it */
  async send(url: string, attempt: Attempt, limitMs?: number): Promise<boolean> {
    this.log.begin(attempt)
    const answer = await ask(url, attempt.path, attempt, limitMs)
    if (answer !== undefined && this.log.settle(attempt, answer)) {
      this.remember(attempt)
      return true
    }
    this.log.everUnknown++
    return false
  }

  /** Keeps what later requests can be about. */
  remember({ path, effect, answer }: Attempt): void {
    if (answer === undefined || answer.status !== 201) return
    const body = JSON.parse(answer.text) as Payment & { readonly status: string }
    if (effect.type === 'hold' && body.status === 'held') this.held.push(body)
    if (path === '/v1/payments' && body.status === 'settled') this.settled.push(body)
  }

  private draw(): Attempt {
    const roll = this.chance()
    const held = this.held.length > 0 && roll < 0.15 ? this.held.pop() : undefined
    if (held !== undefined) return roll < 0.09 ? this.capture(held) : this.void(held)
    const settled = this.settled.length > 0 && roll < 0.25 ? this.settled.pop() : undefined
    if (settled !== undefined) return this.refund(settled)
    if (roll < 0.33) return this.deposit(this.pick(accounts), this.amount())
    if (roll < 0.37) return this.withdrawal()
    if (roll < 0.5) return this.transfer()
    return this.pay(roll < 0.65)
  }

  private deposit(account: string, amount: number): Attempt {
    const body = { account, amount, currency }
    return this.attempt('/v1/deposits', body, { type: 'cash', account, amount })
  }

  private withdrawal(): Attempt {
    const [account, amount] = [this.pick(accounts), this.amount()]
    const effect: Effect = { type: 'cash', account, amount: -amount }
    return this.attempt('/v1/withdrawals', { account, amount, currency }, effect)
  }

  private pay(manual: boolean): Attempt {
    const payer = this.pick(accounts)
    const payee = this.pick(parties.filter((party) => party !== payer))
    const amount = this.amount()
    const body = { payer, payee, amount, currency, memo: 'm'.repeat(60) }
    if (manual) {
      const held = { ...body, capture: 'manual' }
      return this.attempt('/v1/payments', held, { type: 'hold', payer, amount })
    }
    const legs = [{ from: payer, to: payee, amount }]
    return this.attempt('/v1/payments', body, { type: 'move', legs })
  }

  private capture({ id, payer, payee, amount }: Payment): Attempt {
    const effect: Effect = { type: 'capture', payer, payee, amount }
    return this.attempt(`/v1/payments/${id}/capture`, {}, effect)
  }

  private void({ id, payer, amount }: Payment): Attempt {
    return this.attempt(`/v1/payments/${id}/void`, {}, { type: 'void', payer, amount })
  }

  private refund({ id, payer, payee, amount }: Payment): Attempt {
    const refunded = Math.max(1, Math.floor(amount / 2))
    const legs = [{ from: payee, to: payer, amount: refunded }]
    const body = { amount: refunded }
    return this.attempt(`/v1/payments/${id}/refund`, body, { type: 'move', legs })
  }

  private transfer(): Attempt {
    const legs = Array.from({ length: 2 }, () => {
      const from = this.pick(accounts)
      return {
        from,
        to: this.pick(parties.filter((party) => party !== from)),
        amount: this.amount(),
      }
    })
    const body = {
      legs: legs.map(({ from, to, amount }) => ({ payer: from, payee: to, amount, currency })),
    }
    return this.attempt('/v1/transfers', body, { type: 'move', legs })
  }

  private attempt(path: string, body: unknown, effect: Effect): Attempt {
    return { key: `${this.prefix}-${this.next++}`, path, body, effect }
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.chance() * from.length)]!
  }

  private amount(): number {
    return 1 + Math.floor(this.chance() * 2_000)
  }
}
