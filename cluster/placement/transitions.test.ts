import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMap, emptyMap, encodeMap, type ShardMap } from './shard-map.js'
import { changeMap, type MapStep } from './transitions.js'

const ids = ['a=1', 'b=1', 'c=1']
const shards = 4

const id = fc.constantFrom(...ids)
/** One shard more than there is, to be refused. */
const shard = fc.integer({ min: 0, max: shards })
const step: fc.Arbitrary<MapStep> = fc.oneof(
  fc.record({ type: fc.constant('assign' as const), shard, to: id }),
  fc.record({ type: fc.constant('begin_move' as const), shard, to: id, pin: fc.boolean() }),
  fc.record({ type: fc.constant('unpin' as const), shard }),
  fc.record({ type: fc.constant('cancel_move' as const), shard }),
  fc.record({ type: fc.constant('mark_ready' as const), shard, by: id }),
  fc.record({ type: fc.constant('hand_over' as const), shard, by: id }),
  fc.record({ type: fc.constant('drain' as const), member: id }),
  fc.record({ type: fc.constant('undrain' as const), member: id }),
  fc.record({ type: fc.constant('take_office' as const), term: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constant('finalise' as const), format: fc.integer({ min: 1, max: 3 }) }),
)
const change = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  dead: fc.subarray(ids),
})

/** Runs changes on a map and shows each that was done. */
function follow(
  changes: readonly { steps: MapStep[]; dead: string[] }[],
  onChange: (before: ShardMap, after: ShardMap, steps: MapStep[], dead: string[]) => void,
): void {
  let map = emptyMap(shards, 1)
  for (const { steps, dead } of changes) {
    const result = changeMap(map, steps, (member) => dead.includes(member))
    if ('refused' in result) continue
    onChange(map, result.map, steps, dead)
    map = result.map
  }
}

/** Maps with owners, so that later steps have something to do. */
const history = fc.array(change, { maxLength: 40 }).map((changes) => [
  {
    steps: ids.map((to, i): MapStep => ({ type: 'assign', shard: i, to })),
    dead: [] as string[],
  },
  ...changes,
])

describe('changes of the shard map', () => {
  it('P2: a shard changes its owner by its owner, to one who is ready, or when the owner is dead', () => {
    fc.assert(
      fc.property(history, (changes) => {
        follow(changes, (before, after, steps, dead) => {
          for (const [i, place] of after.shards.entries()) {
            const was = before.shards[i]!
            if (place.ownedSince === was.ownedSince) {
              expect(place.owner).toBe(was.owner)
              continue
            }
            const mine = steps.filter((each) => 'shard' in each && each.shard === i)
            const assigned = mine.some(({ type }) => type === 'assign')
            const handed = mine.some(
              (each) => each.type === 'hand_over' && each.by === was.owner && ready(was, mine),
            )
            if (was.owner !== undefined && !dead.includes(was.owner)) expect(handed).toBe(true)
            else expect(assigned || handed).toBe(true)
          }
        })
      }),
      { numRuns: 500 },
    )
  })

  it('P3: one change makes one version, and every map can be kept and read', () => {
    fc.assert(
      fc.property(history, (changes) => {
        follow(changes, (before, after) => {
          expect(after.version).toBe(before.version + 1)
          expect(after.shards).toHaveLength(shards)
          expect(after.term).toBeGreaterThanOrEqual(before.term)
          expect(after.format).toBeGreaterThanOrEqual(before.format)
          expect(decodeMap(encodeMap(after))).toEqual(after)
        })
      }),
      { numRuns: 500 },
    )
  })

  it('P3: is all or nothing, and leaves the map it was made from alone', () => {
    const map = emptyMap(2, 1)
    const steps: MapStep[] = [
      { type: 'assign', shard: 0, to: 'a=1' },
      { type: 'assign', shard: 7, to: 'a=1' },
    ]
    expect(changeMap(map, steps, () => false)).toEqual({ refused: 'unknown_shard' })
    expect(map).toEqual(emptyMap(2, 1))
  })
})

describe('a move', () => {
  const done = (map: ShardMap, ...steps: MapStep[]): ShardMap => {
    const result = changeMap(map, steps, () => false)
    if ('refused' in result) throw new Error(result.refused)
    return result.map
  }
  const refused = (map: ShardMap, one: MapStep): string =>
    'refused' in changeMap(map, [one], () => false)
      ? (changeMap(map, [one], () => false) as { refused: string }).refused
      : ''
  const owned = done(emptyMap(1, 1), { type: 'assign', shard: 0, to: 'a=1' })
  const moving = done(owned, { type: 'begin_move', shard: 0, to: 'b=1' })
  const ready = done(moving, { type: 'mark_ready', shard: 0, by: 'b=1' })

  it('goes from owner to next by way of ready', () => {
    const moved = done(ready, { type: 'hand_over', shard: 0, by: 'a=1' })
    expect(moved.shards[0]).toEqual({
      owner: 'b=1',
      ownedSince: 5,
      next: undefined,
      movingSince: 0,
      ready: false,
      pinned: false,
    })
  })

  it('P7: a pin goes with the shard, until the next move, the end of this one, or the death of its owner', () => {
    const pin = { type: 'begin_move', shard: 0, to: 'b=1', pin: true } as const
    const pinned = done(owned, pin)
    const readyThere = done(pinned, { type: 'mark_ready', shard: 0, by: 'b=1' })
    const there = done(readyThere, { type: 'hand_over', shard: 0, by: 'a=1' })
    expect(there.shards[0]).toMatchObject({ owner: 'b=1', pinned: true })
    const pinOf = (map: ShardMap): boolean | undefined => map.shards[0]?.pinned
    expect(pinOf(done(there, { type: 'unpin', shard: 0 }))).toBe(false)
    expect(pinOf(done(there, { type: 'begin_move', shard: 0, to: 'c=1' }))).toBe(false)
    expect(pinOf(done(pinned, { type: 'cancel_move', shard: 0 }))).toBe(false)
    const assigned = changeMap(there, [{ type: 'assign', shard: 0, to: 'c=1' }], () => true)
    expect('map' in assigned && pinOf(assigned.map)).toBe(false)
  })

  it.each<[ShardMap, MapStep, string]>([
    [owned, { type: 'unpin', shard: 0 }, 'not_pinned'],
    [emptyMap(1, 1), { type: 'begin_move', shard: 0, to: 'b=1' }, 'no_owner'],
    [owned, { type: 'begin_move', shard: 0, to: 'a=1' }, 'already_there'],
    [moving, { type: 'begin_move', shard: 0, to: 'c=1' }, 'already_moving'],
    [owned, { type: 'assign', shard: 0, to: 'b=1' }, 'owner_alive'],
    [owned, { type: 'cancel_move', shard: 0 }, 'not_moving'],
    [moving, { type: 'mark_ready', shard: 0, by: 'c=1' }, 'not_next'],
    [moving, { type: 'hand_over', shard: 0, by: 'a=1' }, 'not_ready'],
    [owned, { type: 'hand_over', shard: 0, by: 'a=1' }, 'not_moving'],
    [ready, { type: 'hand_over', shard: 0, by: 'b=1' }, 'not_owner'],
    [owned, { type: 'take_office', term: 1 }, 'term_passed'],
    [owned, { type: 'undrain', member: 'a=1' }, 'not_draining'],
    [owned, { type: 'finalise', format: 1 }, 'format_not_newer'],
  ])('%#: is refused where its precondition does not hold', (map, one, code) => {
    expect(refused(map, one)).toBe(code)
  })

  it('that was called off and begun again has another name', () => {
    const again = done(done(ready, { type: 'cancel_move', shard: 0 }), {
      type: 'begin_move',
      shard: 0,
      to: 'b=1',
    })
    expect(again.shards[0]!.movingSince).toBeGreaterThan(moving.shards[0]!.movingSince)
    expect(again.shards[0]!.ready).toBe(false)
  })
})

/** Whether the next owner was ready before, or in the same change. */
function ready(was: { ready: boolean }, steps: readonly MapStep[]): boolean {
  return was.ready || steps.some(({ type }) => type === 'mark_ready')
}
