/** One entry of the list of members: what a node says of itself, kept under `nodes.<id>`. */
import { fieldsOf, isName, isWhole, toBytes } from './json.js'

/**
 * - `joining`: it has an id, but no slot yet; it gets no shards.
 * - `up`: it takes shards.
 * - `draining`: it wants to be rid of its shards, and gets none.
 * - `dead`: its lease has run out for certain, and this id can never renew again. Final.
 */
export type MemberState = 'joining' | 'up' | 'draining' | 'dead'

/** What a member tells about a shard it serves. */
export interface ShardReport {
  /** Newest durable ordinal: whoever comes next refuses a journal that ends before it. */
  readonly ordinal: number
  /** Load of the shard, in any unit that all nodes share; only ratios count. */
  readonly load: number
}

/** The part of a member that its node gives and changes. */
export interface MemberFacts {
  /** Where its HTTP API listens; '' when nowhere. */
  readonly address: string
  /** Journal formats its code reads, from and to. */
  readonly reads: readonly [number, number]
  /** How much it can carry compared with others, such as its cores. */
  readonly capacity: number
  readonly shards: ReadonlyMap<number, ShardReport>
}

export interface Member extends MemberFacts {
  /** Fresh for every life: a name and a nonce. */
  readonly id: string
  /** The name its operator gave it; the same in every life. */
  readonly name: string
  /** 0 to 255, unique among those alive; undefined while joining. */
  readonly slot: number | undefined
  readonly state: MemberState
  /** Wall clock, ms since 1970, when it joined. */
  readonly since: number
  /** Number of the renewal; grows with every attempt. */
  readonly beat: number
}

export const slotsMax = 256
export const nodePrefix = 'nodes.'

const states: readonly unknown[] = ['joining', 'up', 'draining', 'dead'] satisfies MemberState[]

export function encodeMember(member: Member): Uint8Array {
  const { shards, slot, ...rest } = member
  const reports = [...shards].map(([shard, { ordinal, load }]) => [shard, ordinal, load])
  return toBytes({ ...rest, ...(slot === undefined ? {} : { slot }), shards: reports })
}

/** @returns undefined when the bytes are no member */
export function decodeMember(bytes: Uint8Array): Member | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined) return undefined
  const { id, name, slot, state, address, reads, capacity, shards, since, beat } = fields
  if (!isName(id) || !isName(name) || !states.includes(state) || typeof address !== 'string') {
    return undefined
  }
  if (slot !== undefined && !isWhole(slot, 0, slotsMax - 1)) return undefined
  if (!Array.isArray(reads) || reads.length !== 2) return undefined
  const [from, to] = reads as unknown[]
  if (!isWhole(from, 0) || !isWhole(to, from)) return undefined
  if (typeof capacity !== 'number' || !(capacity > 0) || !Number.isFinite(capacity))
    return undefined
  const reports = reportsOf(shards)
  if (reports === undefined || !isWhole(since, 0) || !isWhole(beat, 0)) return undefined
  return {
    id,
    name,
    slot,
    state: state as MemberState,
    address,
    reads: [from, to],
    capacity,
    shards: reports,
    since,
    beat,
  }
}

/** An entry for an id whose key is not there, to keep it from ever coming. */
export function deadEntry(id: string, now: number): Member {
  return {
    id,
    name: id,
    slot: undefined,
    state: 'dead',
    address: '',
    reads: [0, 0],
    capacity: 1,
    shards: new Map(),
    since: now,
    beat: 0,
  }
}

function reportsOf(value: unknown): Map<number, ShardReport> | undefined {
  if (!Array.isArray(value)) return undefined
  const reports = new Map<number, ShardReport>()
  for (const row of value as unknown[]) {
    if (!Array.isArray(row)) return undefined
    const [shard, ordinal, load] = row as unknown[]
    if (!isWhole(shard, 0) || !isWhole(ordinal, 0)) return undefined
    if (typeof load !== 'number' || !(load >= 0) || !Number.isFinite(load)) return undefined
    reports.set(shard, { ordinal, load })
  }
  return reports
}
