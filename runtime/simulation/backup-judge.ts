/**
 * What a backup must be: a folder that opens, in which every shard has all that was durable before, no shard has a
 * message that its sender does not know (A8), and no message is neither owed nor applied.
 */
import type { Kinds } from '../actor/kinds.js'
import { openFolder } from '../journal/file/index.js'
import { checkPairs, pairEndsOf } from '../threads/pair-ends.js'
import { recoverShards, type PassedOver } from '../threads/recover-shards.js'
import type { ShardState } from '../shard/shard-state.js'
import type { DiskImage } from './disk-image.js'
import { instantEnv } from './instant-env.js'

export interface BackupScope {
  /** A copy of the disk that is changed. */
  readonly image: DiskImage
  readonly target: string
  readonly kinds: Kinds
  readonly shards: number
  readonly keyRetentionMs: number
  readonly now: number
  /** By shard: what was durable when the backup was asked for. */
  readonly ordinals: readonly number[]
}

/** @returns what is wrong with it, in one sentence; undefined when it is as it should be */
export async function judgeBackup(scope: BackupScope): Promise<string | undefined> {
  try {
    const states = await opened(scope)
    checkPairs(states.map(pairEndsOf))
    return shortOf(states, scope.ordinals) ?? lostIn(states)
  } catch (error) {
    return `a backup does not open: ${String(error)}`
  }
}

async function opened(scope: BackupScope): Promise<ShardState[]> {
  const { image, target: dataDir, kinds, shards, keyRetentionMs } = scope
  const env = instantEnv(image, scope.now)
  const { plan, report } = await openFolder(env, { dataDir, shards })
  if (!report.clean) throw new Error('it does not say where it ends')
  const passedOver: PassedOver[] = []
  const recovery = { thread: 0, threads: 1, shards, dataDir, plan, keyRetentionMs }
  const states = await recoverShards(env, recovery, kinds, passedOver)
  if (passedOver[0] !== undefined) throw new Error(passedOver[0].why)
  return states
}

function shortOf(states: readonly ShardState[], ordinals: readonly number[]): string | undefined {
  const short = states.find(({ shard, ordinal }) => ordinal < (ordinals[shard] ?? 0))
  if (short === undefined) return undefined
  return `a backup has shard ${short.shard} up to ordinal ${short.ordinal}, and ${ordinals[short.shard]!} was durable before`
}

function lostIn(states: readonly ShardState[]): string | undefined {
  for (const { shard, outbox } of states) {
    for (const target of outbox.targets()) {
      const acknowledged = outbox.acknowledgedNumber(target)
      const applied = states[target]!.cursors[shard]!
      if (acknowledged <= applied) continue
      return `a backup lost messages ${applied + 1} to ${acknowledged} of shard ${shard} to ${target}: acknowledged there, and not applied`
    }
  }
  return undefined
}
