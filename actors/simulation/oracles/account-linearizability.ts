/**
 * Per-account linearizability of what may be spent: there is one order of all changes and reads of an
 * account that respects real time and explains every read and every refusal for lack of funds.
 */
import type { AccountView } from '../../bank.js'
import {
  checkLinearizable,
  type Operation,
  type SequentialModel,
} from '../../../runtime/simulation/linearizability.js'
import { Violation, type CommittedTurn } from '../committed.js'
import type { Call } from '../history.js'
import type { AccountChange } from '../shadow-bank.js'

type Input =
  | { readonly account: string; readonly type: 'change'; readonly by: number }
  | { readonly account: string; readonly type: 'read' }

/** What was read; 0 of a change. */
type AccountOperation = Operation<Input, number>

const model: SequentialModel<number, Input, number> = {
  initial: 0,
  step(state, input, output) {
    if (input.type === 'change') return state + input.by
    return output === undefined || output === state ? state : undefined
  },
  keyOf: String,
  partOf: ({ account }) => account,
}

function availableOf({
  creditsPosted,
  debitsPosted,
  debitsPending,
  creditLimit,
}: AccountChange['after']): number {
  return creditsPosted - debitsPosted - debitsPending + creditLimit
}

export class AccountLinearizability {
  /** Histories too tangled to decide. */
  undecided = 0
  private readonly changes: AccountOperation[] = []

  /** Notes what a committed turn did. */
  turn({ ranAfter, durableAt }: CommittedTurn, changes: readonly AccountChange[]): void {
    const by = new Map<string, number>()
    for (const { address, before, after } of changes) {
      const moved = availableOf(after) - availableOf(before)
      by.set(address, (by.get(address) ?? 0) + moved)
    }
    for (const [account, amount] of by) {
      if (amount === 0) continue
      const input: Input = { account, type: 'change', by: amount }
      this.changes.push({ input, output: 0, called: ranAfter, returned: durableAt })
    }
  }

  /** @throws Violation */
  check(calls: readonly Call[]): void {
    const verdict = checkLinearizable(model, [...this.changes, ...readsIn(calls)], 20_000)
    if (verdict.type === 'undecided') this.undecided++
    if (verdict.type !== 'not_linearizable') return
    const [stuck] = verdict.stuck.filter(({ input }) => input.type === 'read')
    throw new Violation(
      'linearizability',
      `No order explains what was read of ${verdict.part}: ${String(stuck?.output)} available, read between ${String(stuck?.called)} and ${String(stuck?.returned)}.`,
    )
  }
}

function readsIn(calls: readonly Call[]): AccountOperation[] {
  const reads: AccountOperation[] = []
  for (const { name, type, address, result, called, returned } of calls) {
    if (type !== 'query' || name !== 'view' || result?.type !== 'value') continue
    if (address.startsWith('payment/')) continue
    const { available } = result.value as AccountView
    reads.push({ input: { account: address, type: 'read' }, output: available, called, returned })
  }
  return reads
}
