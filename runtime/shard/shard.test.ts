import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor, type ActorModule } from '../actor/define-actor.js'
import type { SendAnswer } from '../actor/turn.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { pack } from '../../transport/index.js'
import { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import type { StoredActor } from './packed-store.js'
import { ShardState } from './shard-state.js'

interface Purse {
  readonly coins: number
  readonly refusedBy?: string
}

const empty: Purse = { coins: 0 }

/** What `keepTurn` does after its turn. */
const kept: (() => void)[] = []

const purse = defineActor({
  kind: 'purse',
  state: empty,
  events: {
    filled: (state, data: { coins: number }) => ({ ...state, coins: state.coins + data.coins }),
    taken: (state, data: { coins: number }) => ({ ...state, coins: state.coins - data.coins }),
    refused: (state, data: { by: string }) => ({ ...state, refusedBy: data.by }),
  },
  commands: {
    fill(turn, input: { coins: number }) {
      turn.emit('filled', { coins: input.coins })
      return turn.state.coins
    },
    take(turn, input: { coins: number }) {
      if (turn.state.coins < input.coins) return turn.refuse('too_few', 'Fill the purse first.')
      turn.emit('taken', { coins: input.coins })
      return turn.state.coins
    },
    give(turn, input: { coins: number; to: string }) {
      if (turn.state.coins < input.coins) return turn.refuse('too_few', 'Fill the purse first.')
      turn.emit('taken', { coins: input.coins })
      const to = addressOf('purse', input.to)
      turn.send(to, 'fill', { coins: input.coins }, { then: 'given', context: input.coins })
      return turn.remember(turn.sequence(), `gift-${turn.key}`)
    },
    given(turn, input: SendAnswer<number, number>) {
      if (typeof input.outcome !== 'number') {
        turn.emit('filled', { coins: input.context })
        turn.emit('refused', { by: input.outcome.refused })
      }
      turn.wake(`gift-${turn.key}`, { settledElsewhere: true })
    },
    breakAfterTaking(turn, input: { coins: number }) {
      turn.emit('taken', { coins: input.coins })
      throw new Error('a hole in the purse')
    },
    /** Fills another purse of this shard, and says before whether it could. */
    fillOther(turn, input: { other: string; coins: number }) {
      turn.emit('filled', { coins: input.coins })
      turn.call(addressOf('purse', input.other), 'fill', { coins: input.coins })
      return turn.state.coins
    },
    canFill: (turn, input: { other: string }) => turn.canCall(addressOf('purse', input.other)),
    takeBoth(turn, input: { other: string; coins: number; thenBreak?: boolean }) {
      turn.call(addressOf('purse', input.other), 'take', { coins: input.coins })
      turn.emit('taken', { coins: input.coins })
      if (input.thenBreak === true) throw new Error('a hole in the purse')
      return turn.state.coins
    },
    /** Gives what no journal can hold: data, an answer, a message. */
    giveNoData(turn, input: { where: 'event' | 'answer' | 'message' }) {
      turn.emit('taken', { coins: 1 })
      const noData = (): number => 1
      if (input.where === 'event') turn.emit('refused', { by: noData as unknown as string })
      if (input.where === 'message') turn.send(addressOf('purse', 'b'), 'fill', noData)
      return input.where === 'answer' ? noData : 0
    },
    keepTurn(turn) {
      kept.push(() => {
        turn.emit('taken', { coins: 1 })
      })
    },
    fillLater(turn, input: { coins: number; ms: number }) {
      return turn.after(input.ms, 'fill', { coins: input.coins })
    },
    /** Waits for a purse that holds something. */
    fillFull(turn, input: { coins: number }) {
      if (turn.state.coins === 0) return turn.park('full')
      turn.emit('filled', { coins: input.coins })
      return null
    },
    sendMustApply(turn, input: { to: string; command: string; input?: unknown }) {
      turn.send(addressOf('purse', input.to), input.command, input.input ?? { coins: 1 })
    },
  },
  replays: { give: (_view, note) => ({ gift: note }) },
  queries: { coins: (view) => view.self.coins },
  history: ({ event, after }) => ({ event, coins: after.coins }),
  passivate: { when: (state) => state.coins === 13 },
})

const actors: ActorModule = { definitions: [purse] }
const make = (options = {}): ShardsInMemory => new ShardsInMemory(actors, options)
const a = addressOf('purse', 'a')

/** Two purses of one shard, and one of another. */
function neighbours(shards: ShardsInMemory): { same: string; other: string } {
  const shardOf = (key: string): number =>
    shards.states[0]!.kinds.shardOf(addressOf('purse', key), shards.shards)
  const keys = Array.from({ length: 64 }, (_, i) => `k${i}`)
  return {
    same: keys.find((key) => shardOf(key) === shardOf('a'))!,
    other: keys.find((key) => shardOf(key) !== shardOf('a'))!,
  }
}

/**
 * Everything a shard's journal says, as bytes: what a replay must reproduce. It does not say which
 * actors are packed.
 */
function bytesOf(state: ShardState): string {
  const actors = [...state.actors.values()]
  const cut = state.store.cut()
  const unpack = (stored: StoredActor) =>
    actors.push(state.unpackActor(stored, state.kinds.of(stored.address)!))
  cut.read(unpack, 0, cut.slots)
  const rows = actors.map(({ address, version, state: own, history }) =>
    JSON.stringify([address, version, own, state.history.read(history, 1e9)]),
  )
  const rest = [state.ordinal, state.time, state.sequence, [...state.cursors], state.timers.all()]
  return Buffer.from(pack([rows.sort(), rest, state.keys.size, state.quarantine.all()])).toString(
    'hex',
  )
}

describe('a shard', () => {
  it('T3: answers a command only when its frame is durable', async () => {
    const shards = make()
    shards.holdAppends = true
    const id = shards.submit('command', a, 'fill', { coins: 5 })
    await shards.settle()
    expect(shards.answerOf(id)).toBeUndefined()
    const read = shards.submit('query', a, 'coins')
    await shards.settle()
    expect(shards.answerOf(read)).toBeUndefined()
    await shards.releaseAppends()
    expect(shards.answerOf(id)).toEqual({ kind: 'value', value: 5 })
    expect(shards.answerOf(read)).toEqual({ kind: 'value', value: 5 })
  })

  it('T2: rolls a turn that throws back, called actors included, and lives on', async () => {
    const shards = make()
    const { same } = neighbours(shards)
    await shards.command(a, 'fill', { coins: 10 })
    await shards.command(addressOf('purse', same), 'fill', { coins: 10 })
    expect((await shards.command(a, 'breakAfterTaking', { coins: 3 }))?.value).toContain(
      'actor_failed',
    )
    const broken = await shards.command(a, 'takeBoth', { other: same, coins: 4, thenBreak: true })
    expect(broken?.value).toContain('actor_failed')
    expect((await shards.query(a, 'coins'))?.value).toBe(10)
    expect((await shards.query(addressOf('purse', same), 'coins'))?.value).toBe(10)
    await shards.command(a, 'takeBoth', { other: same, coins: 4 })
    expect((await shards.query(addressOf('purse', same), 'coins'))?.value).toBe(6)
  })

  it('T2: a turn that gives what is no plain data leaves nothing behind', async () => {
    const shards = make()
    await shards.command(a, 'fill', { coins: 10 })
    for (const where of ['event', 'answer', 'message']) {
      const key = `no-data-${where}`
      for (const asked of [undefined, key]) {
        const answer = await shards.command(a, 'giveNoData', { where }, asked)
        expect(answer?.value).toContain('actor_failed')
        await shards.command(a, 'fill', { coins: 1 })
        await shards.command(a, 'take', { coins: 1 })
      }
    }
    expect((await shards.query(a, 'coins'))?.value).toBe(10)
    shards.restart()
    expect((await shards.query(a, 'coins'))?.value).toBe(10)
    expect(shards.failures).toEqual([])
  })

  it('T1: a turn that is kept does nothing after its end', async () => {
    const shards = make()
    await shards.command(a, 'fill', { coins: 10 })
    await shards.command(a, 'keepTurn')
    expect(kept.pop()).toThrow('used after its end')
    expect((await shards.query(a, 'coins'))?.value).toBe(10)
  })

  it('G3: an owner that was succeeded answers nothing, not even a read', async () => {
    const shards = make()
    await shards.command(a, 'fill', { coins: 5 })
    shards.fenced = true
    expect(await shards.query(a, 'coins')).toBeUndefined()
    expect(shards.failures).toMatchObject([{ code: 'fenced' }])
    expect(await shards.command(a, 'fill', { coins: 5 })).toBeUndefined()
  })

  it('gives each bad request its documented answer', async () => {
    const shards = make()
    expect((await shards.command('nobody/x', 'fill'))?.value).toContain('unknown_kind')
    expect((await shards.command(a, 'burn'))?.value).toContain('unknown_command')
    expect((await shards.query(a, 'weight'))?.value).toContain('unknown_command')
    expect((await shards.command(a, 'take', { coins: 1 }))?.kind).toBe('refused')
  })

  it('Q3: one key, one effect: same answer again, conflict for another request, refusals stick', async () => {
    const shards = make()
    expect(await shards.command(a, 'take', { coins: 3 }, 'k1')).toMatchObject({ kind: 'refused' })
    await shards.command(a, 'fill', { coins: 10 }, 'k2')
    expect(await shards.command(a, 'fill', { coins: 10 }, 'k2')).toEqual({
      kind: 'replayed',
      value: 10,
    })
    expect((await shards.command(a, 'fill', { coins: 11 }, 'k2'))?.value).toContain(
      'idempotency_conflict',
    )
    expect(await shards.command(a, 'take', { coins: 3 }, 'k1')).toMatchObject({
      kind: 'refusedReplayed',
    })
    shards.restart()
    expect(await shards.command(a, 'fill', { coins: 10 }, 'k2')).toEqual({
      kind: 'replayed',
      value: 10,
    })
    expect((await shards.query(a, 'coins'))?.value).toBe(10)
  })

  it('moves coins exactly once between shards and brings back what is refused', async () => {
    const shards = make()
    const { other } = neighbours(shards)
    await shards.command(a, 'fill', { coins: 10 })
    expect(await shards.command(a, 'give', { coins: 4, to: other }, 'g1')).toEqual({
      kind: 'value',
      value: { gift: 1 },
    })
    expect(await shards.command(a, 'give', { coins: 4, to: other }, 'g1')).toEqual({
      kind: 'replayed',
      value: { gift: 1 },
    })
    expect((await shards.query(addressOf('purse', other), 'coins'))?.value).toBe(4)
    expect(shards.states.every((state) => state.outbox.size === 0)).toBe(true)
  })

  it('G2: what waits when a lane of one shard may write goes into that group', async () => {
    const shards = make({ lanePerShard: true })
    shards.holdAppends = true
    shards.submit('command', a, 'fill', { coins: 1 })
    await shards.settle()
    shards.submit('command', a, 'fill', { coins: 2 })
    await shards.settle()
    shards.submit('command', a, 'fill', { coins: 3 })
    await shards.releaseAppends()
    expect(shards.frames.map(({ count }) => count)).toEqual([1, 2])
  })

  it('G1: inside a lane, what a message caused commits in one group with the message', async () => {
    const shards = make()
    const { other } = neighbours(shards)
    await shards.command(a, 'fill', { coins: 10 })
    shards.holdAppends = true
    const id = shards.submit('command', a, 'give', { coins: 4, to: other }, 'g1')
    await shards.settle()
    const before = shards.frames.length
    expect(shards.answerOf(id)).toBeUndefined()
    // O3: applied in the group it stands in, a message is owed to nobody.
    const owed = shards.states.reduce((sum, state) => sum + state.outbox.size, 0)
    expect(owed).toBe(0)
    await shards.releaseAppends()
    expect(shards.answerOf(id)).toEqual({ kind: 'value', value: { gift: 1 } })
    expect(new Set(shards.frames.slice(before).map((frame) => frame.shard)).size).toBeGreaterThan(1)
  })

  it('sends a message again after a crash, and the target takes it once', async () => {
    const shards = make({ lanePerShard: true })
    const { other } = neighbours(shards)
    await shards.command(a, 'fill', { coins: 10 })
    shards.submit('command', a, 'give', { coins: 4, to: other }, 'g1')
    // Up to the frame that holds the message, and not further.
    const before = shards.frames.length
    while (shards.frames.length === before) await shards.env.advance(0)
    shards.frames.length = before + 1
    shards.restart()
    await shards.settle()
    expect((await shards.query(addressOf('purse', other), 'coins'))?.value).toBe(4)
    shards.restart()
    await shards.settle()
    expect((await shards.query(addressOf('purse', other), 'coins'))?.value).toBe(4)
    expect((await shards.query(a, 'coins'))?.value).toBe(6)
  })

  it('fires durable timers once, also over a restart, and none that was cancelled', async () => {
    const shards = make()
    await shards.command(a, 'fillLater', { coins: 5, ms: 60_000 })
    shards.restart()
    await shards.env.advance(59_000)
    expect((await shards.query(a, 'coins'))?.value).toBe(0)
    await shards.env.advance(2_000)
    expect((await shards.query(a, 'coins'))?.value).toBe(5)
    shards.restart()
    await shards.env.advance(120_000)
    expect((await shards.query(a, 'coins'))?.value).toBe(5)
  })

  it('expires nothing by a clock that jumps ahead', async () => {
    const shards = make()
    await shards.command(a, 'fillLater', { coins: 5, ms: 600_000 })
    shards.env.wall += 3_600_000
    await shards.env.advance(1_000)
    expect(shards.host.isReady).toBe(false)
    expect((await shards.query(a, 'coins'))?.value).toBe(0)
    shards.env.wall -= 3_600_000
    await shards.env.advance(1_000)
    expect(shards.host.isReady).toBe(true)
  })

  it('Q1: sets a key aside that keeps failing, and no other; an operator releases it', async () => {
    const shards = make()
    const { same } = neighbours(shards)
    for (let i = 0; i < 3; i++) await shards.command(a, 'breakAfterTaking', { coins: 1 })
    expect((await shards.command(a, 'fill', { coins: 1 }))?.value).toContain('quarantined')
    expect((await shards.command(addressOf('purse', same), 'fill', { coins: 1 }))?.kind).toBe(
      'value',
    )
    shards.restart()
    expect((await shards.command(a, 'fill', { coins: 1 }))?.value).toContain('quarantined')
    const shard = shards.states[0]!.kinds.shardOf(a, shards.shards)
    expect(await releaseNow(shards, shard)).toBe(true)
    expect((await shards.command(a, 'fill', { coins: 1 }))?.kind).toBe('value')
  })

  it('X5: calls no quarantined actor, and is not counted for the attempt', async () => {
    const shards = make()
    const { same, other } = neighbours(shards)
    const near = addressOf('purse', same)
    for (let i = 0; i < 3; i++) await shards.command(a, 'breakAfterTaking', { coins: 1 })
    expect((await shards.command(near, 'canFill', { other: 'a' }))?.value).toBe(false)
    for (let i = 0; i < 4; i++) {
      const answer = await shards.command(near, 'fillOther', { other: 'a', coins: 1 }, 'key')
      expect(answer).toMatchObject({ kind: 'fault', value: ['quarantined', expect.anything()] })
    }
    expect(shards.host.quarantined()).toMatchObject([{ address: 'purse/a' }])
    // What must be applied waits with the actor it was sent to.
    const input = { to: same, command: 'fillOther', input: { other: 'a', coins: 1 } }
    await shards.command(addressOf('purse', other), 'sendMustApply', input)
    const waiting = { address: near, reason: expect.stringContaining('purse/a is quarantined') }
    expect(shards.host.quarantined()[1]).toMatchObject({ ...waiting, parkedMessages: 1 })
    const shard = shards.states[0]!.kinds.shardOf(a, shards.shards)
    expect(await releaseNow(shards, shard, near)).toBe(false)
    expect(await releaseNow(shards, shard)).toBe(true)
    expect(await releaseNow(shards, shard, near)).toBe(true)
    expect((await shards.query(a, 'coins'))?.value).toBe(1)
    expect((await shards.query(near, 'coins'))?.value).toBe(1)
    const { value } = (await shards.command(near, 'fillOther', { other: 'a', coins: 1 }, 'key'))!
    expect(value).toBe(2)
  })

  it('Q2: keeps what must be applied with the quarantined key and applies it on release', async () => {
    const shards = make()
    const sender = addressOf('purse', neighbours(shards).other)
    await shards.command(sender, 'sendMustApply', { to: 'a', command: 'breakAfterTaking' })
    await shards.command(sender, 'sendMustApply', { to: 'a', command: 'fill' })
    expect(shards.host.quarantined()).toMatchObject([{ address: 'purse/a', parkedMessages: 2 }])
    shards.restart()
    expect(shards.host.quarantined()).toMatchObject([{ address: 'purse/a', parkedMessages: 2 }])
    expect(shards.states.every((state) => state.outbox.size === 0)).toBe(true)
    const shard = shards.states[0]!.kinds.shardOf(a, shards.shards)
    expect(await releaseNow(shards, shard)).toBe(false)
    expect(shards.host.quarantined()).toMatchObject([{ parkedMessages: 2 }])
  })

  it('Q2: what can only be parked goes on waiting when its actor is to be released', async () => {
    const shards = make()
    const sender = addressOf('purse', neighbours(shards).other)
    await shards.command(sender, 'sendMustApply', { to: 'a', command: 'fillFull' })
    const shard = shards.states[0]!.kinds.shardOf(a, shards.shards)
    expect(await releaseNow(shards, shard)).toBe(false)
    expect(shards.host.quarantined()).toMatchObject([{ address: 'purse/a', parkedMessages: 1 }])
    shards.restart()
    expect(shards.host.quarantined()).toMatchObject([{ address: 'purse/a', parkedMessages: 1 }])
  })

  it('S3: sheds new work over the bound with a definite answer, and answers known keys all the same', async () => {
    const shards = make({ mailboxMessages: 3, shards: 1 })
    await shards.command(a, 'fill', { coins: 1 }, 'known')
    const ids = [1, 2, 3, 4, 5].map(() => shards.submit('command', a, 'fill', { coins: 1 }))
    const known = shards.submit('command', a, 'fill', { coins: 1 }, 'known')
    await shards.settle()
    const kinds = ids.map((id) => shards.answerOf(id)?.kind)
    expect(kinds).toEqual(['value', 'value', 'value', 'fault', 'fault'])
    expect(shards.answerOf(known)?.kind).toBe('replayed')
    expect((await shards.query(a, 'coins'))?.value).toBe(4)
  })

  it('S1: a replay and a snapshot with its tail give the live state byte for byte', async () => {
    const shards = make()
    const { same, other } = neighbours(shards)
    for (let i = 1; i <= 20; i++) {
      await shards.command(a, 'fill', { coins: i }, `f${i}`)
      await shards.command(a, 'give', { coins: 1, to: i % 2 === 0 ? same : other }, `g${i}`)
      if (i === 10) await shards.command(addressOf('purse', 'lucky'), 'fill', { coins: 13 })
    }
    const cuts = shards.states.map((state) => [...snapshotBlocks(state)])
    await shards.command(addressOf('purse', 'lucky'), 'fill', { coins: 1 }, 'x')
    await shards.command(a, 'fillLater', { coins: 1, ms: 1e9 })
    const live = shards.states.map(bytesOf)
    const { kinds } = shards.states[0]!
    shards.restart()
    expect(shards.states.map(bytesOf)).toEqual(live)
    shards.states.forEach((_, shard) => {
      const options = { shard, shards: shards.shards, kinds, keyRetentionMs: 86_400_000 }
      const restore = new SnapshotRestore((shards.states[shard] = new ShardState(options)))
      for (const block of cuts[shard]!) restore.add(block)
      expect(restore.complete).toBe(true)
    })
    const { replayFrame } = await import('./replay.js')
    for (const frame of shards.frames) replayFrame(shards.states[frame.shard]!, frame)
    expect(shards.states.map(bytesOf)).toEqual(live)
  })
})

/** Releases an actor while time passes. */
async function releaseNow(shards: ShardsInMemory, shard: number, who = a): Promise<boolean> {
  const released = shards.host.releaseActor(shard, who)
  await shards.settle()
  return released
}
