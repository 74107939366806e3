/** No overdraft: after every committed turn each account has what it owes, and counters are counters. */
import { placeOf, Violation, type Turn } from '../committed.js'
import type { AccountChange } from '../shadow-bank.js'

/** @throws Violation */
export function checkOverdraft(turn: Turn, changes: readonly AccountChange[]): void {
  for (const { address, after } of changes) {
    const { creditsPosted, creditsPending, debitsPosted, debitsPending, creditLimit } = after
    const counters = [creditsPosted, creditsPending, debitsPosted, debitsPending]
    const place = `${placeOf(turn)}: ${address}`
    if (!counters.every((counter) => Number.isSafeInteger(counter) && counter >= 0)) {
      throw new Violation('no-overdraft', `${place} has the counters ${counters.join(', ')}.`)
    }
    const available = creditsPosted - debitsPosted - debitsPending + creditLimit
    if (available < 0) {
      throw new Violation('no-overdraft', `${place} is overdrawn by ${-available}.`)
    }
  }
}
