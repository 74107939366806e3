/** Shards of one lane that are recovered by several together: the same states, each by one of them. */
import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { Kinds } from '../actor/kinds.js'
import { openFolder } from '../journal/file/index.js'
import { JournalEnv } from '../journal/testing/journal-env.js'
import type { Runtime } from '../runtime-interface.js'
import { openRuntime } from '../runtime.js'
import type { ShardState } from '../shard/shard-state.js'
import { difference } from '../simulation/digest.js'
import { recoverShards, type RecoveryScope } from './recover-shards.js'
import { RecoveryBoard } from './recovery-board.js'

const shards = 8
const jars = Array.from({ length: 40 }, (_, i) => `j${i}`)

const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { filled: (state, { by }: { by: number }) => ({ beans: state.beans + by }) },
  history: ({ before, after }) => [before.beans, after.beans],
  commands: {
    fill(turn, { by }: { by: number }) {
      turn.emit('filled', { by })
      return turn.state.beans
    },
    pour(turn, { by, into }: { by: number; into: string }) {
      turn.emit('filled', { by: -by })
      if (turn.canCall(addressOf('jar', into))) turn.call(addressOf('jar', into), 'fill', { by })
      else turn.send(addressOf('jar', into), 'fill', { by })
      return null
    },
  },
})
const actors = { definitions: [jar] }
const kinds = new Kinds(actors)

function open(env: JournalEnv): Promise<Runtime> {
  return openRuntime(env, {
    dataDir: '/data',
    actors,
    ...{ threads: 0, shards, segmentBytes: 16_384, snapshotJournalBytes: 1 << 30 },
    onFailure: () => undefined,
  })
}

/** Beans are poured from shard to shard, before a snapshot and behind it; then nothing is closed. */
async function lived(): Promise<{ env: JournalEnv; scope: RecoveryScope }> {
  const env = new JournalEnv()
  const runtime = await open(env)
  const pour = (round: number): Promise<unknown> =>
    Promise.all(
      jars.map((name, i) => {
        const into = jars[(i * 7 + round) % jars.length]!
        const input = name === into ? { by: 5 } : { by: 1, into }
        const command = name === into ? 'fill' : 'pour'
        return runtime.command(addressOf('jar', name), command, input, {
          idempotencyKey: `${name}-${round}`,
        })
      }),
    )
  for (let round = 0; round < 6; round++) await pour(round)
  await runtime.snapshot()
  for (let round = 6; round < 60; round++) await pour(round)
  const successor = env.otherProcess(2)
  env.fates.set(1, 'gone')
  const folder = await openFolder(successor, { dataDir: '/data', takeOver: false })
  const scope = {
    ...{ thread: 0, threads: 1, shards, dataDir: '/data', plan: folder.plan },
    keyRetentionMs: 86_400_000,
  }
  return { env: successor, scope }
}

/** What each of some who work together recovered. */
function together(env: JournalEnv, scope: RecoveryScope, count: number): Promise<ShardState[][]> {
  const memory = RecoveryBoard.makeMemory(shards)
  return Promise.all(
    Array.from({ length: count }, () =>
      recoverShards(env, scope, kinds, [], new RecoveryBoard(scope, memory)),
    ),
  )
}

describe('shards of a lane, recovered by several threads', () => {
  it('W1: each is recovered by one of them, as it would be by one alone', async () => {
    const { env, scope } = await lived()
    const alone = await recoverShards(env, scope, kinds)
    for (const count of [2, 3]) {
      const parts = await together(env, scope, count)
      expect(parts.filter((part) => part.length > 0).length).toBeGreaterThan(1)
      const all = parts.flat().sort((a, b) => a.shard - b.shard)
      expect(all.map(({ shard }) => shard)).toEqual(alone.map(({ shard }) => shard))
      for (const [shard, state] of alone.entries()) {
        expect(difference(all[shard]!, state)).toBeUndefined()
        expect(difference(state, all[shard]!)).toBeUndefined()
      }
    }
  })

  it('W2: of messages between them none is let go that was not applied, and few are kept that were', async () => {
    const { env, scope } = await lived()
    const parts = await together(env, scope, 2)
    const all = parts.flat()
    const cursors = new Map(all.map(({ shard, cursors: own }) => [shard, own]))
    for (const { shard, outbox } of all) {
      for (const target of outbox.targets()) {
        const applied = cursors.get(target)![shard]!
        expect(outbox.acknowledgedNumber(target)).toBeLessThanOrEqual(applied)
      }
    }
    const [first, last] = parts
    // Whoever ends last knows of all that the others have read.
    const owed = [first!, last!].map((part) => part.reduce((sum, one) => sum + one.outbox.size, 0))
    expect(Math.min(...owed)).toBe(0)
  })

  it('W2: a cursor that nobody has noted is none', () => {
    const scope = { thread: 0, threads: 1, shards } as RecoveryScope
    const memory = RecoveryBoard.makeMemory(shards)
    const [one, other] = [new RecoveryBoard(scope, memory), new RecoveryBoard(scope, memory)]
    expect(other.cursorOf(3, 5)).toBe(0)
    one.note(
      3,
      Float64Array.from({ length: shards }, (_, source) => source * 1e15),
    )
    expect(other.cursorOf(3, 5)).toBe(5e15)
    expect(other.cursorOf(5, 3)).toBe(0)
  })
})
