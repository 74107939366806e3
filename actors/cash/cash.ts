/**
 * The record of one deposit or withdrawal: what it was, for ever as it was. It lives in its
 * account's shard and leaves memory at once.
 */
import { addressOf, defineActor, type Address } from '../../runtime/index.js'
import type { CashView } from '../bank.js'
import { homeOf } from '../payment/derived-ids.js'

export interface CashState {
  readonly account: Address
  readonly amount: number
  readonly currency: string
  readonly createdAt: number
}

/** Commands of cash records for accounts. */
export type CashProtocol = {
  record(input: { account: Address; amount: number; currency: string }): void
}

export function cashAddress(id: string): Address<CashProtocol> {
  return addressOf<CashProtocol>('cash', id)
}

/** The movement as clients see it, with the full address of its account. */
export function cashView(id: string, state: CashState): CashView {
  return {
    id,
    account: state.account,
    amount: state.amount,
    currency: state.currency,
    createdAt: state.createdAt,
  }
}

export const cash = defineActor({
  kind: 'cash',
  state: { account: '', amount: 0, currency: '', createdAt: 0 },
  events: { recorded: (_state: CashState, data: CashState): CashState => data },
  commands: {
    record(turn, input: { account: Address; amount: number; currency: string }): void {
      turn.emit('recorded', { ...input, createdAt: turn.now })
    },
  },
  home: homeOf,
  passivate: { when: () => true },
})
