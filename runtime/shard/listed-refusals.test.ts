import { expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { limits } from '../limits.js'
import { difference } from '../simulation/digest.js'
import { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { recordKinds } from '../messaging/idempotency-table.js'
import { requested } from './committed-turn.js'
import { formatsAlone } from './formats.js'
import { ListedRefusals } from './listed-refusals.js'
import { ShardState } from './shard-state.js'

const shop = defineActor({
  kind: 'shop',
  state: { sold: 0 },
  events: {},
  commands: {
    buy: (turn, left: number) => turn.refuse('too_much', `Only ${left} are left.`),
    talk: (turn, length: number) => turn.refuse('too_much', 'ab€😀'.repeat(length)),
  },
})
const a = addressOf('shop', 'a')
const some = 4_000
const many = 200_000
const make = (): ShardsInMemory => new ShardsInMemory({ definitions: [shop] }, { shards: 1 })

async function buy(shards: ShardsInMemory, count: number): Promise<void> {
  for (let i = 0; i < count; i++) shards.submit('command', a, 'buy', i, `k${i}`)
  await shards.settle()
}

function emptyLike({ shard, shards, kinds, keyRetentionMs }: ShardState): ShardState {
  return new ShardState({ shard, shards, kinds, keyRetentionMs })
}

async function expectAnswers(shards: ShardsInMemory): Promise<void> {
  for (const left of [0, limits.refusalsListedMax - 1, limits.refusalsListedMax, some - 1]) {
    expect(await shards.command(a, 'buy', left, `k${left}`)).toEqual({
      kind: 'refusedReplayed',
      value: ['too_much', `Only ${left} are left.`],
    })
    expect((await shards.command(a, 'buy', left + 1, `k${left}`))?.value).toContain(
      'idempotency_conflict',
    )
  }
}

it('L1: different refusals without end come back after a replay, and from a snapshot', async () => {
  const shards = make()
  await buy(shards, some)
  const live = shards.states[0]!
  expect(live.keys.size).toBe(some)
  expect(live.refusals.list).toHaveLength(limits.refusalsListedMax)
  await expectAnswers(shards)

  const restored = emptyLike(live)
  const restore = new SnapshotRestore(restored)
  for (const block of snapshotBlocks(live)) restore.add(block)
  expect(difference(restored, live)).toBeUndefined()

  shards.restart()
  expect(difference(shards.states[0]!, live)).toBeUndefined()
  await expectAnswers(shards)
  shards.states = [restored]
  shards.start()
  await expectAnswers(shards)
})

it('L1: two hundred thousand of them are in a snapshot, and leave with their keys', () => {
  const state = emptyLike(make().states[0]!)
  const rest = { cause: requested, events: [], messages: [], timers: [], quarantine: [] }
  for (let i = 0; i < many; i++) {
    const refusal = ['too_much', `Only ${i} are left.`] as const
    const listed = state.refusals.takes(...refusal, formatsAlone)
    const kind = listed ? recordKinds.refusal : recordKinds.keptRefusal
    const key = { hashes: [i, 0, 0, 0, 0, 0, 0], kind, note: 0, refusal }
    state.commit({ ...rest, key }, [], 1_000, 0)
  }
  const restored = emptyLike(state)
  const restore = new SnapshotRestore(restored)
  for (const block of snapshotBlocks(state)) restore.add(block)
  expect(restore.complete).toBe(true)
  expect(restored.keys.span).toEqual(state.keys.span)
  expect(restored.refusals.list).toEqual(state.refusals.list)
  const { number } = restored.keys.find([many - 1, 0, 0, 0, 0, 0, 0])!
  expect(Buffer.from(restored.keys.answerOf(number)!)).toEqual(
    Buffer.from(state.keys.answerOf(number)!),
  )

  const { bytes } = restored.keys
  restored.keys.forgetBefore(Infinity, many)
  expect(restored.keys.size).toBe(0)
  expect(restored.keys.bytes).toBeLessThan(bytes - many * 'Only 123456 are left.'.length)
})

it('L1: a list of an older format, however long, is read, and new sentences stand with their keys', () => {
  const listed = new ListedRefusals()
  listed.restore(Array.from({ length: many }, (_, i) => ['too_much', `Only ${i} are left.`]))
  expect(listed.list).toHaveLength(many)
  const formats = { reads: [3, 4], writes: 4 } as const
  expect(listed.takes('too_much', 'Only 7 are left.', formats)).toBe(true)
  expect(listed.numberOf('too_much', 'Only 7 are left.')).toBe(7)
  expect(listed.takes('too_much', 'None is left.', formats)).toBe(false)
  expect(listed.takes('too_few', 'Only 7 are left.', formats)).toBe(false)
})

it('L1, F1: while older programs have to read it, every sentence is listed', () => {
  const listed = new ListedRefusals()
  const formats = { reads: [3, 4], writes: 3 } as const
  for (let i = 0; i < limits.refusalsListedMax + 2; i++) {
    expect(listed.takes('too_much', String(i), formats)).toBe(true)
    expect(listed.numberOf('too_much', String(i))).toBe(i)
  }
})

it('Q3: a detail without end is told in part, the first time and every later time', async () => {
  const shards = make()
  const answers = [
    await shards.command(a, 'talk', 1_000, 'k'),
    await shards.command(a, 'talk', 1_000, 'k'),
  ]
  const [, detail] = answers[0]!.value as [string, string]
  expect(detail.length).toBeGreaterThan(limits.refusalDetailMax - 2)
  expect(detail.length).toBeLessThanOrEqual(limits.refusalDetailMax)
  expect('ab€😀'.repeat(1_000).startsWith(detail)).toBe(true)
  expect(answers.map((answer) => answer?.value)).toEqual([answers[0]!.value, answers[0]!.value])
  expect(answers.map((answer) => answer?.kind)).toEqual(['refused', 'refusedReplayed'])
})
