import { beforeEach, describe, expect, it } from 'vitest'
import { deadEntry, encodeMember, nodePrefix } from '../membership/member.js'
import { MemberView } from '../membership/member-view.js'
import { ShardAssignments } from './shard-assignments.js'
import { emptyMap, type ShardMap } from './shard-map.js'
import { changeMap, type MapStep } from './transitions.js'

/** A node `a`, and a map that changes when the test says so. */
class Stage {
  map: ShardMap | undefined = emptyMap(2, 1)
  id = 'a'
  member = true
  valid = true
  readonly view = new MemberView({ now: () => 0, monotonic: () => 0 })
  readonly calls: string[] = []
  /** Decisions to write that wait for the test. */
  readonly writes: (() => boolean)[] = []
  private tellMap: (map: ShardMap) => void = () => undefined
  private tellLost: () => void = () => undefined

  onChange(listener: (map: ShardMap) => void): () => void {
    this.tellMap = listener
    return () => undefined
  }

  onLost(listener: () => void): () => void {
    this.tellLost = listener
    return () => undefined
  }

  change(
    decide: (map: ShardMap | undefined) => ShardMap | undefined,
  ): Promise<'changed' | 'nothing' | 'given_up'> {
    return new Promise((resolve) => {
      this.writes.push(() => {
        const next = decide(this.map)
        if (next !== undefined) this.become(next)
        resolve(next === undefined ? 'nothing' : 'changed')
        return next !== undefined
      })
    })
  }

  /** Changes the map unseen. */
  unseen(...steps: MapStep[]): void {
    const result = changeMap(this.map!, steps, () => true)
    if ('refused' in result) throw new Error(result.refused)
    this.map = result.map
  }

  /** Changes the map, and tells it. */
  tell(...steps: MapStep[]): void {
    this.unseen(...steps)
    this.become(this.map!)
  }

  lose(): void {
    this.member = false
    this.tellLost()
  }

  private become(map: ShardMap): void {
    this.map = map
    this.tellMap(map)
  }
}

let stage: Stage
let assignments: ShardAssignments

const give = (to: string, shard = 0): MapStep => ({ type: 'assign', shard, to })
const begin = (to: string): MapStep => ({ type: 'begin_move', shard: 0, to })
const ready = (by: string): MapStep => ({ type: 'mark_ready', shard: 0, by })
const cancel: MapStep = { type: 'cancel_move', shard: 0 }
const hand = (by: string): MapStep => ({ type: 'hand_over', shard: 0, by })

function calls(): string[] {
  return stage.calls.splice(0)
}

beforeEach(() => {
  stage = new Stage()
  const duty =
    (name: string) =>
    (shard: number): void =>
      void stage.calls.push(`${name} ${shard}`)
  assignments = new ShardAssignments(stage, stage, {
    open: duty('open'),
    close: duty('close'),
    prepare: duty('prepare'),
    abandon: duty('abandon'),
    drain: duty('drain'),
    resume: duty('resume'),
  })
  assignments.start()
})

describe('what a node does about its shards', () => {
  it('opens what it is given, closes what others are given', () => {
    stage.tell(give('a'), give('b', 1))
    expect(calls()).toEqual(['open 0'])
    expect([assignments.owns(0), assignments.owns(1)]).toEqual([true, false])
    stage.tell(give('b'), give('a', 1))
    expect(calls()).toEqual(['close 0', 'open 1'])
    expect(assignments.owned()).toEqual([1])
    expect([assignments.version, assignments.shards]).toEqual([3, 2])
  })

  it('hands over: drains when the next one is ready, gives away, closes', async () => {
    stage.tell(give('a'))
    stage.tell(begin('b'))
    expect(calls()).toEqual(['open 0'])
    stage.tell(ready('b'))
    expect(calls()).toEqual(['drain 0'])
    expect(assignments.owns(0)).toBe(true)
    const handed = assignments.handOver(0)
    stage.writes[0]!()
    expect(await handed).toBe(true)
    expect(calls()).toEqual(['close 0'])
    expect(stage.map!.shards[0]!.owner).toBe('b')
  })

  it('takes over: reads ahead, tells that it is ready, opens without closing', async () => {
    stage.tell(give('b'))
    stage.tell(begin('a'))
    expect(calls()).toEqual(['prepare 0'])
    const told = assignments.ready(0)
    stage.writes[0]!()
    expect(await told).toBe(true)
    expect(assignments.owns(0)).toBe(false)
    stage.tell(hand('b'))
    expect(calls()).toEqual(['open 0'])
    expect(assignments.owns(0)).toBe(true)
  })

  it('forgets what it read ahead when the move is off, and tells a newer one apart', async () => {
    stage.tell(give('b'))
    stage.tell(begin('a'))
    const late = assignments.ready(0)
    stage.tell(cancel)
    expect(calls()).toEqual(['prepare 0', 'abandon 0'])
    stage.tell(begin('a'))
    expect(calls()).toEqual(['prepare 0'])
    // What was read for the first move says nothing about the second.
    expect(stage.writes[0]!()).toBe(false)
    expect(await late).toBe(false)
    stage.unseen(cancel)
    stage.tell(begin('a'))
    expect(calls()).toEqual(['abandon 0', 'prepare 0'])
  })

  it('G1: owns nothing without a lease', () => {
    stage.tell(give('a'))
    stage.valid = false
    expect(assignments.owns(0)).toBe(false)
    expect(assignments.owned()).toEqual([0])
  })

  it('G2: owns nothing from the first attempt to hand over, until a younger map gives it back', async () => {
    stage.tell(give('a'))
    stage.tell(begin('b'))
    stage.tell(ready('b'))
    const handed = assignments.handOver(0)
    expect(assignments.owns(0)).toBe(false)
    stage.tell({ type: 'drain', member: 'c' })
    expect(assignments.owns(0)).toBe(false)
    stage.tell(cancel)
    expect(calls()).toEqual(['open 0', 'drain 0', 'resume 0'])
    expect(assignments.owns(0)).toBe(true)
    expect(stage.writes[0]!()).toBe(false)
    expect(await handed).toBe(false)
    expect(await assignments.handOver(0)).toBe(false)
  })

  it('G3: an ownership that ended and began again unseen is another', () => {
    stage.tell(give('a'))
    stage.unseen(give('b'))
    stage.tell(give('a'))
    expect(calls()).toEqual(['open 0', 'close 0', 'open 0'])
  })

  it('drains at once when it learns of its ownership and of a move that is ready together', () => {
    stage.unseen(give('a'))
    stage.unseen(begin('b'))
    stage.tell(ready('b'))
    expect(calls()).toEqual(['open 0', 'drain 0'])
  })

  it('drops all when its id is dead, and follows the map under the next one', () => {
    stage.tell(give('a'), give('b', 1))
    stage.tell({ type: 'begin_move', shard: 1, to: 'a' })
    calls()
    stage.lose()
    expect(calls()).toEqual(['close 0', 'abandon 1'])
    stage.id = 'a2'
    stage.member = true
    stage.tell(give('a2'))
    expect(calls()).toEqual(['open 0'])
    assignments.stop()
    expect(calls()).toEqual(['close 0'])
  })

  it('V3: knows the newest ordinal that was ever told of a shard, by the dead and by who lost it too', () => {
    const tell = (id: string, revision: number, ordinals: readonly [number, number][]): void => {
      const shards = new Map(ordinals.map(([shard, ordinal]) => [shard, { ordinal, load: 0 }]))
      const bytes = encodeMember({ ...deadEntry(id, 1), shards })
      stage.view.observe(nodePrefix + id, bytes, revision)
    }
    tell('b', 1, [[1, 70]])
    tell('c', 2, [[1, 30]])
    tell('b', 3, [])
    stage.view.observe(nodePrefix + 'c', undefined, 4)
    expect([stage.view.ordinalOf(1), stage.view.ordinalOf(0)]).toEqual([70, 0])
  })

  it('knows who owns a shard', () => {
    stage.view.observe(nodePrefix + 'b', encodeMember(deadEntry('b', 1)), 1)
    stage.tell(give('b'), give('c', 1))
    expect(assignments.ownerOf(0)?.id).toBe('b')
    expect(assignments.ownerOf(1)).toBeUndefined()
    expect(assignments.ownerOf(7)).toBeUndefined()
  })
})
