/**
 * What the end of a lane means. The table is the code: the first row that fits decides.
 *
 *   row              closed  last whole  behind     whole group  seal       │ decision
 *                    record  group       it         later        announced  │
 *   ───────────────────────────────────────────────────────────────────────┼─────────────────────────
 *   hole             any     any         any        yes          any        │ refuse: damage
 *   closed           yes     the seal    zeros      no           any        │ adopt all, nothing to carry
 *   closed_changed   yes     any         any        no           any        │ refuse: damage
 *   after_seal       no      a seal      bytes      no           any        │ refuse: damage
 *   sealed           no      a seal      zeros      no           yes        │ adopt all, nothing to carry
 *   closed_missing   no      a seal      zeros      no           no         │ refuse: damage
 *   torn             no      no seal     bytes      no           any        │ drop, report, carry the last
 *   crashed          no      no seal     zeros      no           any        │ carry the last
 *
 * - *hole*: a group is written only after the one before it is durable, so what is not whole and has a
 *   whole group behind it was whole once.
 * - *closed*: the owner confirmed that all lanes were sealed; nothing can be missing or torn.
 * - *closed_changed*: a closed lane whose seal is not where the record says, or with bytes behind it.
 * - *after_seal*: nothing is ever written behind a seal.
 * - *sealed*: a crash between the seal of this lane and the closed record. The note that announced the
 *   seal goes only when the closed record is durable.
 * - *closed_missing*: a seal nobody announced any more: there was a closed record.
 * - *torn*: the group that was being written when the owner died. Nobody was told of it.
 * - *crashed*: the owner died between two groups. The last one may be in the page cache only, if its
 *   sync had failed: it is written again elsewhere before anything depends on it.
 */
import type { Tail } from './scan.js'

/** What was found at the end of a lane. */
export interface LaneFacts {
  readonly closed: boolean
  /** With a closed record: the seal it names, at its place. Without: any seal. */
  readonly seal: boolean
  readonly tail: Tail
  readonly laterGroup: boolean
  readonly announced: boolean
}

export type RecoveryRow =
  | 'hole'
  | 'closed'
  | 'closed_changed'
  | 'after_seal'
  | 'sealed'
  | 'closed_missing'
  | 'torn'
  | 'crashed'

export type RecoveryDecision =
  | { readonly type: 'refuse'; readonly what: string }
  | { readonly type: 'adopt'; readonly carry: boolean; readonly torn: boolean }

interface Row extends Partial<LaneFacts> {
  readonly row: RecoveryRow
  readonly decision: RecoveryDecision
}

const refuse = (what: string): RecoveryDecision => ({ type: 'refuse', what })
const adoptAll: RecoveryDecision = { type: 'adopt', carry: false, torn: false }

const table: readonly Row[] = [
  { row: 'hole', laterGroup: true, decision: refuse('a bad group with whole ones behind it') },
  { row: 'closed', closed: true, seal: true, tail: 'zeros', decision: adoptAll },
  {
    row: 'closed_changed',
    closed: true,
    decision: refuse('a cleanly closed lane that does not end with its seal'),
  },
  { row: 'after_seal', seal: true, tail: 'bytes', decision: refuse('bytes behind a seal') },
  { row: 'sealed', seal: true, announced: true, decision: adoptAll },
  {
    row: 'closed_missing',
    seal: true,
    decision: refuse('a sealed lane whose closed record is missing'),
  },
  { row: 'torn', tail: 'bytes', decision: { type: 'adopt', carry: true, torn: true } },
  { row: 'crashed', tail: 'zeros', decision: { type: 'adopt', carry: true, torn: false } },
]

/** Finds the row that fits. */
export function decideRecovery(facts: LaneFacts): { row: RecoveryRow; decision: RecoveryDecision } {
  const keys = ['closed', 'seal', 'tail', 'laterGroup', 'announced'] as const
  return table.find((row) =>
    keys.every((key) => row[key] === undefined || row[key] === facts[key]),
  )!
}
