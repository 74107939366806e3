/**
 * The shard map: which member owns which shard, and which moves are under way. A value, kept whole
 * under the key `map`, changed by compare-and-set only.
 *
 * P1. A map that is not in order is refused whole, by a code: half a map is worse than an old one.
 */
import { fieldsOf, isFields, isName, isWhole, toBytes } from '../membership/json.js'

/** Where one shard is. */
export interface ShardPlace {
  /** Id of the member that owns it; undefined while nobody does. */
  readonly owner: string | undefined
  /** Version of the map that made the owner the owner: the name of this ownership. */
  readonly ownedSince: number
  /** Id of the member it moves to; only with an owner. */
  readonly next: string | undefined
  /** Version of the map that began the move: the name of this move. 0 without one. */
  readonly movingSince: number
  /** The next one has read ahead: the owner may hand over. */
  readonly ready: boolean
  /** An operator put it where it is, or where it goes: balance leaves it there. */
  readonly pinned: boolean
}

export interface ShardMap {
  /** Grows by one with every change. */
  readonly version: number
  /** Term of the coordinator that was the last to take office. */
  readonly term: number
  /** Journal format that writers use; raised when an upgrade is finalised. */
  readonly format: number
  /** Ids of members an operator is emptying. */
  readonly draining: readonly string[]
  /** By shard number; their count never changes. */
  readonly shards: readonly ShardPlace[]
}

export const mapKey = 'map'
export const clusterShardsMax = 4_096

/** A kept map that can't be used. */
export class MapBroken extends Error {
  readonly code: 'map_broken' | 'map_newer'
  constructor(code: 'map_broken' | 'map_newer', what: string) {
    super(
      code === 'map_newer'
        ? `The shard map was written by newer code (${what}): upgrade this node.`
        : `The shard map is not in order (${what}); nothing of it is used. The coordinator puts the newest one back that the bucket keeps of the key "${mapKey}", which takes a moment. Should it go on, none is kept: stop all nodes, remove all messages of that key (nats stream purge KV_suanpan_… --subject …), and start them: they make a new map.`,
    )
    this.code = code
  }
}

/** Shape of the kept JSON; raised when older code could not keep all of it. */
const layout = 1

const nowhere: ShardPlace = {
  owner: undefined,
  ownedSince: 0,
  next: undefined,
  movingSince: 0,
  ready: false,
  pinned: false,
}

/** @throws RangeError when no cluster can have so many shards */
export function checkShardCount(shards: number): void {
  if (isWhole(shards, 1, clusterShardsMax)) return
  throw new RangeError(`A cluster has 1 to ${clusterShardsMax} shards, not ${String(shards)}.`)
}

/** The first map of a cluster: nobody owns anything. */
export function emptyMap(shards: number, term: number, format = 1): ShardMap {
  checkShardCount(shards)
  return {
    version: 1,
    term,
    format,
    draining: [],
    shards: Array.from({ length: shards }, () => nowhere),
  }
}

export function encodeMap(map: ShardMap): Uint8Array {
  const shards = map.shards.map(({ owner, ownedSince, next, movingSince, ready, pinned }) => ({
    ...(owner === undefined ? {} : { owner, ownedSince }),
    ...(next === undefined ? {} : { next, movingSince }),
    ...(ready ? { ready } : {}),
    ...(pinned ? { pinned } : {}),
  }))
  return toBytes({ layout, ...map, shards })
}

/** @throws MapBroken */
export function decodeMap(bytes: Uint8Array): ShardMap {
  const fields = fieldsOf(bytes)
  if (fields === undefined) throw new MapBroken('map_broken', 'no JSON object')
  if (isWhole(fields['layout'], layout + 1)) {
    throw new MapBroken('map_newer', `layout ${fields['layout']}`)
  }
  const { version, term, format, draining, shards } = fields
  if (fields['layout'] !== layout) throw new MapBroken('map_broken', 'layout')
  if (!isWhole(version, 1)) throw new MapBroken('map_broken', 'version')
  if (!isWhole(term, 1)) throw new MapBroken('map_broken', 'term')
  if (!isWhole(format, 0)) throw new MapBroken('map_broken', 'format')
  if (!Array.isArray(draining) || !draining.every(isName)) {
    throw new MapBroken('map_broken', 'draining')
  }
  if (!Array.isArray(shards) || !isWhole(shards.length, 1, clusterShardsMax)) {
    throw new MapBroken('map_broken', 'shards')
  }
  const places = (shards as unknown[]).map((shard, i) => placeOf(shard, i, version))
  return { version, term, format, draining, shards: places }
}

function placeOf(value: unknown, shard: number, version: number): ShardPlace {
  const broken = new MapBroken('map_broken', `shard ${shard}`)
  if (!isFields(value)) throw broken
  const { owner, ownedSince = 0, next, movingSince = 0, ready = false, pinned = false } = value
  if (typeof ready !== 'boolean' || typeof pinned !== 'boolean') throw broken
  if (owner === undefined) {
    if (next !== undefined || ready || pinned || ownedSince !== 0 || movingSince !== 0) throw broken
    return nowhere
  }
  if (!isName(owner) || !isWhole(ownedSince, 1, version)) throw broken
  if (next === undefined) {
    if (ready || movingSince !== 0) throw broken
    return { owner, ownedSince, next, movingSince, ready, pinned }
  }
  if (!isName(next) || next === owner || !isWhole(movingSince, ownedSince, version)) throw broken
  return { owner, ownedSince, next, movingSince, ready, pinned }
}
