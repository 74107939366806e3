/**
 * Per-account linearizability of what may be spent: there is one order of all changes and reads of an
 * account that respects real time and explains every read.
 */
import type { AccountView } from '../../bank.js'
import { canonicalOnce } from '../canonical.js'
import { Violation } from '../committed.js'
import { isDefinite, returnOf } from '../history.js'
import { checkLinearizable, type Attempt, type Operation, type SequentialModel } from '../kit.js'
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

/** Configurations searched per history: most need a few hundred. */
const configurationsMax = 20_000

/** A change that one request brought about, until its answer at the latest. */
interface Caused {
  readonly account: string
  readonly by: number
  /** Undefined for what came of itself: an expiry, or what follows an answer. */
  readonly cause: Attempt | undefined
}

export class AccountLinearizability {
  /** Histories too tangled to decide. */
  undecided = 0
  private readonly caused: Caused[] = []

  /**
   * Notes what a committed turn did.
   * @param cause the first attempt of the request that waits for the turn
   * @param expires whether a hold expires in it: what that releases has no cause, even in the turn that
   *   ends a capture. The capture may have been answered long ago, and its turn lost and done again.
   */
  turn(changes: readonly AccountChange[], cause: Attempt | undefined, expires: boolean): void {
    const ofItself = ({ event }: AccountChange) => expires && event === 'released'
    this.note(changes.filter(ofItself), undefined)
    this.note(
      changes.filter((change) => !ofItself(change)),
      cause,
    )
  }

  private note(changes: readonly AccountChange[], cause: Attempt | undefined): void {
    const by = new Map<string, number>()
    for (const { address, before, after } of changes) {
      const moved = availableOf(after) - availableOf(before)
      by.set(address, (by.get(address) ?? 0) + moved)
    }
    for (const [account, amount] of by) {
      if (amount !== 0) this.caused.push({ account, by: amount, cause })
    }
  }

  /** @throws Violation */
  check(attempts: readonly Attempt[]): void {
    const answered = answersIn(attempts)
    const changes = this.caused.map(({ account, by, cause }): AccountOperation => {
      const returned = cause === undefined ? undefined : answered.get(canonicalOnce(cause.request))
      const input: Input = { account, type: 'change', by }
      return {
        input,
        output: 0,
        called: cause?.invokedAt ?? 0,
        returned: returned ?? Infinity,
      }
    })
    const history = [...changes, ...readsIn(attempts)]
    const verdict = checkLinearizable(model, history, configurationsMax)
    if (verdict.type === 'undecided') this.undecided++
    if (verdict.type !== 'not_linearizable') return
    const stuck = verdict.stuck.find(({ input }) => input.type === 'read')
    throw new Violation(
      'linearizability',
      `No order explains what was read of ${verdict.part}: ${String(stuck?.output)} available, between ${String(stuck?.called)} and ${String(stuck?.returned)} ms.`,
    )
  }
}

function availableOf(state: AccountChange['after']): number {
  const { creditsPosted, debitsPosted, debitsPending, creditLimit } = state
  return creditsPosted - debitsPosted - debitsPending + creditLimit
}

/** By request: when it was first answered for good. */
function answersIn(attempts: readonly Attempt[]): Map<string, number> {
  const answered = new Map<string, number>()
  for (const attempt of attempts) {
    if (attempt.request.key === undefined || !isDefinite(attempt.result)) continue
    const request = canonicalOnce(attempt.request)
    answered.set(request, Math.min(answered.get(request) ?? Infinity, returnOf(attempt)))
  }
  return answered
}

function readsIn(attempts: readonly Attempt[]): AccountOperation[] {
  const reads: AccountOperation[] = []
  for (const attempt of attempts) {
    const { request, result } = attempt
    const { type, name, address: account } = request
    if (type !== 'query' || name !== 'view' || result?.type !== 'answered') continue
    if (account.startsWith('payment/')) continue
    reads.push({
      input: { account, type: 'read' },
      output: (result.value as AccountView).available,
      called: attempt.invokedAt,
      returned: returnOf(attempt),
    })
  }
  return reads
}
