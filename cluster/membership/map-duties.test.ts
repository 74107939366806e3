import { beforeEach, describe, expect, it } from 'vitest'
import { emptyMap, type ShardMap } from '../placement/shard-map.js'
import { changeMap, type MapStep } from '../placement/transitions.js'
import { MapDuties, rebalanceDefaults, type RebalanceSettings } from './map-duties.js'
import { encodeMember, nodePrefix, type Member, type MemberState } from './member.js'
import { MemberView } from './member-view.js'

let now: number
let revision: number
let view: MemberView
let settings: RebalanceSettings
let duties: MapDuties
let map: ShardMap

beforeEach(() => {
  now = 0
  revision = 0
  const clock = { now: () => now, monotonic: () => now }
  view = new MemberView(clock)
  settings = rebalanceDefaults
  duties = new MapDuties(clock, view, () => settings)
  map = emptyMap(4, 1)
})

function member(id: string, state: MemberState = 'up', more: Partial<Member> = {}): void {
  const whole: Member = {
    id,
    name: id,
    slot: 0,
    state,
    address: '',
    reads: [1, 1],
    capacity: 1,
    shards: new Map(),
    since: 0,
    beat: 1,
    ...more,
  }
  view.observe(nodePrefix + id, encodeMember(whole), ++revision)
}

function change(...steps: MapStep[]): void {
  const result = changeMap(map, steps, (id) => view.isDead(id))
  if ('refused' in result) throw new Error(result.refused)
  map = result.map
}

/** Does what is to be done, and says what it was. */
function act(): string[] {
  const steps = duties.steps(map)
  if (steps.length > 0) change(...steps)
  return steps.map((step) => `${step.type} ${'shard' in step ? step.shard : ''}`.trim())
}

const owners = (): (string | undefined)[] => map.shards.map(({ owner }) => owner)

describe('what the coordinator does about the map', () => {
  it('gives every shard to somebody, and then nothing more', () => {
    expect(act()).toEqual([])
    member('a')
    member('b')
    expect(act()).toHaveLength(4)
    expect(owners().sort()).toEqual(['a', 'a', 'b', 'b'])
    expect(act()).toEqual([])
  })

  it('gives nothing to who is joining, or reads another format', () => {
    member('a')
    member('b', 'joining')
    member('c', 'up', { reads: [2, 3] })
    act()
    expect(new Set(owners())).toEqual(new Set(['a']))
  })

  it('K1: gives a dead one’s shards to who was about to own them and is ready', () => {
    member('a')
    act()
    member('b')
    member('c')
    for (let shard = 0; shard < 4; shard++) {
      change({ type: 'begin_move', shard, to: 'b' })
      if (shard < 3) change({ type: 'mark_ready', shard, by: 'b' })
    }
    member('a', 'dead')
    act()
    // Three were read ahead already; the fourth goes where it evens out.
    expect(owners()).toEqual(['b', 'b', 'b', 'c'])
  })

  it('K2: calls a move off when its taker is dead, drains, or its time is up', () => {
    member('a')
    act()
    for (const [state, wait] of [
      ['dead', 0],
      ['draining', 0],
      ['up', 30_001],
    ] as const) {
      const taker = `taker-${state}`
      member(taker)
      change({ type: 'begin_move', shard: 0, to: taker })
      settings = { ...rebalanceDefaults, enabled: false }
      expect(act()).toEqual([])
      now += wait
      member(taker, state)
      expect(act()).toEqual(['cancel_move 0'])
    }
  })

  it('K2: a taker that is ready has its time anew; a move that failed is left alone for a while', () => {
    member('a')
    act()
    member('b')
    change({ type: 'begin_move', shard: 0, to: 'b' })
    settings = { ...rebalanceDefaults, movesMax: 1 }
    expect(act()).toEqual([])
    now += 20_000
    change({ type: 'mark_ready', shard: 0, by: 'b' })
    expect(act()).toEqual([])
    now += 20_000
    expect(act()).toEqual([])
    now += 10_001
    // Another shard may go instead, but not the same again.
    expect(act().filter((step) => step !== 'cancel_move 0')).not.toContain('begin_move 0')
    expect(map.shards[0]!.next).toBeUndefined()
  })

  it('moves nothing by itself when rebalancing is off, but empties who drains', () => {
    settings = { ...rebalanceDefaults, enabled: false }
    member('a')
    act()
    member('b')
    expect(act()).toEqual([])
    duties.rebalanceOnce()
    expect(act().map((step) => step.split(' ')[0])).toEqual(['begin_move', 'begin_move'])
    change({ type: 'drain', member: 'a' })
    const moving = (): number => map.shards.filter(({ next }) => next === 'b').length
    for (const [shard, { next }] of map.shards.entries()) {
      if (next === undefined) continue
      change({ type: 'mark_ready', shard, by: 'b' }, { type: 'hand_over', shard, by: 'a' })
    }
    expect(moving()).toBe(0)
    act()
    expect(moving()).toBe(2)
  })

  it('is evening out before the first move, between two, and until there is none to make', () => {
    settings = { ...rebalanceDefaults, enabled: false, movesMax: 1 }
    member('a')
    act()
    member('b')
    duties.rebalanceOnce()
    for (let moved = 0; moved < 2; moved++) {
      expect(duties.evening).toBe(true)
      const shard = Number(act()[0]!.replace('begin_move ', ''))
      change({ type: 'mark_ready', shard, by: 'b' }, { type: 'hand_over', shard, by: 'a' })
    }
    expect(duties.evening).toBe(true)
    expect(act()).toEqual([])
    expect(duties.evening).toBe(false)
  })

  it('K3: is evening out while a shard whose move failed is left alone, and tries it again', () => {
    settings = { ...rebalanceDefaults, enabled: false, movesMax: 1 }
    member('a')
    act()
    member('b')
    duties.rebalanceOnce()
    const [begun] = act()
    expect(act()).toEqual([])
    now += 30_001
    expect(act()).toEqual([begun!.replace('begin', 'cancel')])
    expect(act()).toEqual([])
    expect(duties.evening).toBe(true)
    now += 30_001
    expect(act()).toEqual([begun])
  })

  it('forgets that somebody was to be drained when they are dead', () => {
    member('a')
    member('b')
    act()
    change({ type: 'drain', member: 'b' })
    member('b', 'dead')
    act()
    expect(map.draining).toEqual([])
  })

  it('weighs shards by the loads their owners tell', () => {
    member('a')
    member('b')
    act()
    const mine = [...map.shards.keys()].filter((i) => map.shards[i]!.owner === 'a')
    const loads = (hot: number): Map<number, { ordinal: number; load: number }> =>
      new Map(mine.map((shard, i) => [shard, { ordinal: 0, load: i === 0 ? hot : 10 }]))
    member('a', 'up', { shards: loads(10) })
    duties.measure(map)
    expect(act()).toEqual([])
    member('a', 'up', { shards: loads(100_000) })
    duties.measure(map)
    expect(act()).toEqual([`begin_move ${mine[1]!}`])
  })
})
