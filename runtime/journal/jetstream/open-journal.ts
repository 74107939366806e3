/**
 * Takes a shard's stream over: puts a fence at its end, then reads what is before the fence.
 *
 * X4. Nobody appends behind a fence but its owner: the append of every earlier one expects the place
 *     the fence took. So what is read up to the fence is all there is.
 *     A successor that is not wanted any more puts no fence: it would only end its own successor.
 * X5. A stream that ends before what was acknowledged elsewhere is refused (`journal_regressed`).
 * X6. So is an empty one of a journal that has begun: its first owner put a fence there, and the newest
 *     message always stays. And one that holds turns though it is not known to have begun: it is another
 *     cluster's, or what knew it was lost. Neither gets a fence.
 */
import type { StreamLog } from '../../../transport/index.js'
import type { Env } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import type { Frame } from '../journal.js'
import { beginning, damaged, fenceAt, type JournalPosition } from './frames.js'
import { JetStreamLane, type LaneOptions } from './lane.js'
import { Patience } from './patience.js'
import { placeBehind, readUpTo, type ReadScope } from './read-journal.js'
import { appendSettled } from './settle.js'

export interface OpenScope extends ReadScope, LaneOptions {
  /** Who opens it, for people who read the stream. */
  readonly owner: string
  /** Ordinal the journal must reach: what the last owner said was durable. @default 0 */
  readonly atLeast?: number
  /** True when the journal is known to have begun. @default false */
  readonly begun?: boolean
  /** Asked whether the journal is known to have begun, when it holds turns. @default nobody is asked */
  readonly known?: (() => Promise<boolean>) | undefined
}

/**
 * Fences a shard's stream and reads the rest of it.
 * @param onFrame gets every frame after `scope.after`, in order
 * @throws OpenRefused damaged, newer_format, journal_regressed; NatsRefused; MessageMissing as
 *   {@link readShardJournal}; NatsUnreachable when the patience was stopped
 */
export async function openShardJournal(
  env: Env,
  log: StreamLog,
  scope: OpenScope,
  onFrame: (frame: Frame) => void,
): Promise<JetStreamLane> {
  const patience = scope.patience ?? new Patience(env)
  const fence = await putFence(env, log, scope, patience)
  const end = await readUpTo(log, scope, fence.sequence, patience, onFrame)
  if (end.sequence !== fence.sequence || end.crc !== fence.crc) {
    throw damaged(log.name, fence.sequence, 'it is not the fence that was put there')
  }
  const atLeast = Math.max(scope.atLeast ?? 0, ordinalOf(scope))
  if (end.ordinal < atLeast) {
    throw new OpenRefused(
      'journal_regressed',
      `The stream ${log.name} ends at ordinal ${end.ordinal}, but ${atLeast} was durable once; restore it from its backup.`,
    )
  }
  return new JetStreamLane(env, log, scope, end)
}

async function putFence(
  env: Env,
  log: StreamLog,
  scope: OpenScope,
  patience: Patience,
): Promise<JournalPosition> {
  for (;;) {
    const end = await endOf(log, scope, patience)
    const nonce = Buffer.from(env.chance.bytes(12)).toString('hex')
    const fence = fenceAt(end, scope.shard, env.clock.now(), `${scope.owner} ${nonce}`)
    patience.check('no fence is put for who may not serve the shard now')
    if (await appendSettled(log, fence.bytes, end.sequence, patience)) return fence.next
    // The last owner was not done, or another successor was faster: again behind that.
    await patience.pause('the end of the stream moved')
  }
}

async function endOf(
  log: StreamLog,
  { shard, begun, known }: OpenScope,
  patience: Patience,
): Promise<JournalPosition> {
  const { first, last } = await patience.until(() => log.bounds())
  if (last === 0 && begun === true) throw lostJournal(log.name)
  if (last === 0) return beginning
  if (first > last) throw damaged(log.name, last, 'it was purged, and it was the newest')
  const end = await placeBehind(log, shard, last, patience)
  if (end.ordinal > 0 && known !== undefined && !(await patience.until(known)))
    throw unknownJournal(log.name)
  return end
}

function ordinalOf({ after }: ReadScope): number {
  return typeof after === 'number' ? after : after.ordinal
}

/** A stream with turns of which its cluster knows nothing (X6). */
function unknownJournal(stream: string): OpenRefused {
  return new OpenRefused(
    'identity_lost',
    `The stream ${stream} holds a journal that its cluster's bucket does not know: the bucket was lost, or is of another time. Restore both from one backup.`,
  )
}

/** A stream that is gone, or empty, though its journal has begun (X6). */
export function lostJournal(stream: string): OpenRefused {
  return new OpenRefused(
    'journal_regressed',
    `The stream ${stream} is gone, or empty, though its shard had a journal; restore it from its backup.`,
  )
}
