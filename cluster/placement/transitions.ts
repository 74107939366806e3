/**
 * Every way the shard map can change, as pure functions with their preconditions. What is not here
 * can't happen to a shard.
 *
 * P2. A shard changes its owner in two ways only: its owner hands it over to one who is ready, or its
 *     owner is dead.
 * P3. One change makes one version; steps that change together are done all or not at all.
 * P4. What is the coordinator's to do needs its term: one whose term has passed changes nothing.
 * P7. A pin is an operator's: it comes with their move, goes with the shard to its new owner, and ends
 *     with the next move, when the move is called off, and when the owner dies.
 */
import { assertNever } from '../../runtime/index.js'
import type { ShardMap, ShardPlace } from './shard-map.js'

/** One step of a change. */
export type MapStep =
  /** The coordinator gives a shard that nobody, or a dead member, owns to somebody. */
  | { readonly type: 'assign'; readonly shard: number; readonly to: string }
  /** The coordinator begins a move; nothing changes for the owner yet. */
  | {
      readonly type: 'begin_move'
      readonly shard: number
      readonly to: string
      /** An operator wants it there. */
      readonly pin?: boolean
    }
  /** The coordinator calls a move off. */
  | { readonly type: 'cancel_move'; readonly shard: number }
  /** Balance may move the shard again. */
  | { readonly type: 'unpin'; readonly shard: number }
  /** The next owner has read ahead. */
  | { readonly type: 'mark_ready'; readonly shard: number; readonly by: string }
  /** The owner has drained and sealed: the next one is the owner now. */
  | { readonly type: 'hand_over'; readonly shard: number; readonly by: string }
  /** An operator wants a member empty, or no longer. */
  | { readonly type: 'drain'; readonly member: string }
  | { readonly type: 'undrain'; readonly member: string }
  /** A new coordinator makes the map its own: whatever an earlier one still has in flight conflicts. */
  | { readonly type: 'take_office'; readonly term: number }
  /** All members read a newer format: writers may use it. */
  | { readonly type: 'finalise'; readonly format: number }

/** Why a step can't be done. */
export type StepRefusal =
  | 'unknown_shard'
  | 'owner_alive'
  | 'no_owner'
  | 'already_there'
  | 'already_moving'
  | 'not_moving'
  | 'not_next'
  | 'not_owner'
  | 'not_ready'
  | 'not_pinned'
  | 'already_draining'
  | 'not_draining'
  | 'term_passed'
  | 'format_not_newer'

export type StepResult = { readonly map: ShardMap } | { readonly refused: StepRefusal }

/** Tells for certain that a member is dead. */
export type IsDead = (id: string) => boolean

/** Does steps, all or none, as one new version of the map. */
export function changeMap(map: ShardMap, steps: readonly MapStep[], isDead: IsDead): StepResult {
  let changed: ShardMap = { ...map, version: map.version + 1 }
  for (const step of steps) {
    const result = take(changed, step, isDead)
    if ('refused' in result) return result
    changed = result.map
  }
  return { map: changed }
}

function take(map: ShardMap, step: MapStep, isDead: IsDead): StepResult {
  switch (step.type) {
    case 'assign':
      return onShard(map, step.shard, (place) => assign(map, place, step.to, isDead))
    case 'begin_move':
      return onShard(map, step.shard, (place) => beginMove(map, place, step.to, step.pin === true))
    case 'cancel_move':
      return onShard(map, step.shard, cancelMove)
    case 'unpin':
      return onShard(map, step.shard, (place) =>
        place.pinned ? { ...place, pinned: false } : 'not_pinned',
      )
    case 'mark_ready':
      return onShard(map, step.shard, (place) => markReady(place, step.by))
    case 'hand_over':
      return onShard(map, step.shard, (place) => handOver(map, place, step.by))
    case 'drain':
      return map.draining.includes(step.member)
        ? { refused: 'already_draining' }
        : { map: { ...map, draining: [...map.draining, step.member] } }
    case 'undrain':
      return map.draining.includes(step.member)
        ? { map: { ...map, draining: map.draining.filter((id) => id !== step.member) } }
        : { refused: 'not_draining' }
    case 'take_office':
      return step.term > map.term
        ? { map: { ...map, term: step.term } }
        : { refused: 'term_passed' }
    case 'finalise':
      return step.format > map.format
        ? { map: { ...map, format: step.format } }
        : { refused: 'format_not_newer' }
    default:
      return assertNever(step)
  }
}

type Placed = ShardPlace | StepRefusal

function onShard(map: ShardMap, shard: number, change: (place: ShardPlace) => Placed): StepResult {
  const place = map.shards[shard]
  if (place === undefined) return { refused: 'unknown_shard' }
  const placed = change(place)
  if (typeof placed === 'string') return { refused: placed }
  return { map: { ...map, shards: map.shards.with(shard, placed) } }
}

function assign(map: ShardMap, place: ShardPlace, to: string, isDead: IsDead): Placed {
  if (place.owner !== undefined && !isDead(place.owner)) return 'owner_alive'
  return ownedBy(to, map.version)
}

function beginMove(map: ShardMap, place: ShardPlace, to: string, pinned: boolean): Placed {
  if (place.owner === undefined) return 'no_owner'
  if (place.owner === to) return 'already_there'
  if (place.next !== undefined) return 'already_moving'
  return { ...place, next: to, movingSince: map.version, ready: false, pinned }
}

function cancelMove(place: ShardPlace): Placed {
  if (place.next === undefined) return 'not_moving'
  return { ...place, next: undefined, movingSince: 0, ready: false, pinned: false }
}

function markReady(place: ShardPlace, by: string): Placed {
  if (place.next !== by) return 'not_next'
  return { ...place, ready: true }
}

function handOver(map: ShardMap, place: ShardPlace, by: string): Placed {
  if (place.owner !== by) return 'not_owner'
  if (place.next === undefined) return 'not_moving'
  if (!place.ready) return 'not_ready'
  return { ...ownedBy(place.next, map.version), pinned: place.pinned }
}

function ownedBy(owner: string, version: number): ShardPlace {
  return {
    owner,
    ownedSince: version,
    next: undefined,
    movingSince: 0,
    ready: false,
    pinned: false,
  }
}
