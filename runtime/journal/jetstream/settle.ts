/**
 * Appends one message and finds out for certain what became of it.
 *
 *   append after N ──► appended                                       → mine
 *        │  ▲
 *        │  └──────────── nothing there: the same bytes again ◄──┐
 *        ▼                                                       │
 *   conflict, unknown ──► read N+1 from the leader ──────────────┤
 *                             ├─ these bytes                          → mine
 *                             ├─ other bytes                          → another's
 *                             └─ gone, and the stream goes on behind  → another's
 *
 * U1. An append that is not known to have failed is settled by what the stream holds, never by an answer.
 * U2. Only identical bytes are sent again, with the same expectation: however often they arrive, and
 *     however late, at most one copy is stored.
 */
import type { Appended, StreamLog } from '../../../transport/index.js'
import { Fault } from '../../errors.js'
import type { Patience } from './patience.js'

/** Looks at a stream that is shorter than what was acknowledged, before it is believed. */
const regressedLooksMax = 12

/**
 * @returns true when the message is at `after + 1`, false when another's is, or was
 * @throws Fault journal_failed when the stream has lost messages; NatsRefused; NatsUnreachable when stopped
 */
export async function appendSettled(
  log: StreamLog,
  bytes: Uint8Array,
  after: number,
  patience: Patience,
): Promise<boolean> {
  for (let regressed = 0; regressed < regressedLooksMax;) {
    const appended = await log.append(bytes, after)
    if (appended.outcome === 'appended') {
      patience.renew()
      return appended.sequence === after + 1
    }
    const found = await patience.until(() => log.at(after + 1))
    if (found !== undefined) {
      patience.renew()
      return Buffer.compare(found, bytes) === 0
    }
    const { last } = await patience.until(() => log.bounds())
    // Its place was taken, and what took it is purged already.
    if (last > after && (await patience.until(() => log.at(after + 1))) === undefined) {
      patience.renew()
      return false
    }
    // A leader that was deposed and does not know it may say so too, for a while.
    regressed = last < after ? regressed + 1 : 0
    await patience.pause(reasonOf(appended))
  }
  throw new Fault(
    'journal_failed',
    `The stream ${log.name} ends before message ${after}, which it had acknowledged; restore it from its backup.`,
  )
}

function reasonOf(appended: Appended): string {
  return appended.outcome === 'unknown' ? appended.reason : 'its place was taken'
}
