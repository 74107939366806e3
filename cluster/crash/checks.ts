/**
 * What must hold after a restart, checked against the log that was kept outside the node.
 *
 * C1. Nothing acknowledged is lost: its key gives the same answer again, and says that it is one.
 * C2. Nothing is done twice: once every unknown request was asked again with its key, every account
 *     holds exactly what the answers add up to.
 * C3. The node's own audit finds money conserved.
 */
import type { AcknowledgementLog, Attempt } from './acknowledgements.js'
import { ask, forAll } from './client.js'
import { parties, type Load } from './load.js'

const atOnce = 12
/** Acknowledged requests of long ago that are asked again, beside all since the last check. */
const oldOnes = 40
/** Steps after an answer, such as posting a hold, end soon; what is wrong stays wrong. */
const settleMs = 10_000

/** What was found wrong. */
export interface Violation {
  readonly type: 'lost' | 'doubled' | 'changed' | 'not_conserved' | 'bad_end' | 'acknowledged_late'
  readonly sentence: string
}

export class Checks {
  private readonly log: AcknowledgementLog
  private readonly load: Load
  private readonly chance: () => number
  private readonly report: (violation: Violation) => void
  /** How many of the known answers were checked. */
  private checked = 0

  constructor(
    log: AcknowledgementLog,
    load: Load,
    chance: () => number,
    report: (violation: Violation) => void,
  ) {
    this.log = log
    this.load = load
    this.chance = chance
    this.report = report
  }

  /** @returns false when the node ended before all was checked: the next one is asked again */
  async run(url: string): Promise<boolean> {
    const upTo = this.log.known.length
    const recent = this.log.known.slice(this.checked, upTo)
    const old = Array.from({ length: Math.min(oldOnes, this.checked) }, () => {
      return this.log.known[Math.floor(this.chance() * this.checked)]!
    })
    const again = await forAll([...recent, ...old], atOnce, (one) => this.askAgain(url, one))
    const resolved =
      again && (await forAll(this.log.unknown, atOnce, (one) => this.resolve(url, one)))
    const whole = resolved && (await this.compareBooks(url)) && (await this.audit(url))
    if (whole) this.checked = upTo
    return whole
  }

  /** C1 */
  private async askAgain(url: string, attempt: Attempt): Promise<boolean> {
    const { key, path } = attempt
    const before = attempt.answer!
    const answer = await ask(url, path, attempt)
    if (answer === undefined || answer.status >= 500) return false
    // A refusal that did not depend on state is not remembered; it is just given again.
    const isRemembered = answer.replayed || before.status >= 400
    if (!isRemembered) {
      this.report({
        type: 'lost',
        sentence: `${path} with key ${key} was acknowledged with ${before.status}, and is not known any more: ${answer.text}`,
      })
    } else if (answer.status !== before.status || answer.text !== before.text) {
      this.report({
        type: 'changed',
        sentence: `${path} with key ${key} was answered ${before.status} ${before.text} and is now answered ${answer.status} ${answer.text}`,
      })
    }
    return true
  }

  private async resolve(url: string, attempt: Attempt): Promise<boolean> {
    const answer = await ask(url, attempt.path, attempt)
    if (answer === undefined || !this.log.settle(attempt, answer)) return false
    this.load.remember(attempt)
    return true
  }

  /** C2 */
  private async compareBooks(url: string): Promise<boolean> {
    return forAll(parties, atOnce, async (party) => {
      const due = this.log.book(party)
      const until = performance.now() + settleMs
      for (;;) {
        const answer = await ask(url, `/v1/${party.replace('/', 's/')}`)
        if (answer === undefined || answer.status >= 500) return false
        const found = JSON.parse(answer.text) as { available: number; debitsPending: number }
        const { available, debitsPending: pending } = found
        if (available === due.available && pending === due.pending) return true
        if (performance.now() < until) continue
        const off = available + pending - due.available - due.pending
        this.report({
          type: off < 0 === party.startsWith('account/') ? 'doubled' : 'lost',
          sentence: `${party} has ${available} and ${pending} pending where the answers add up to ${due.available} and ${due.pending}`,
        })
        // Said once: from here on it is the new truth.
        due.available = available
        due.pending = pending
        return true
      }
    })
  }

  /** C3 */
  private async audit(url: string): Promise<boolean> {
    const answer = await ask(url, '/v1/audit')
    if (answer === undefined || answer.status >= 500) return false
    const { conserved } = JSON.parse(answer.text) as { conserved: boolean }
    if (!conserved)
      this.report({ type: 'not_conserved', sentence: `The audit says: ${answer.text}` })
    return true
  }
}
