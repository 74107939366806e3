/**
 * Two states of a shard, compared by what the journal says: for a live shard, its snapshot, a replay.
 */
import type { MessageFields } from '../messaging/message.js'
import type { ShardState } from '../shard/shard-state.js'

/**
 * Everything a journal decides. What it does not decide is left out: which idle actors are packed, and
 * which owed messages have been acknowledged.
 */
const parts: Readonly<Record<string, (state: ShardState) => unknown>> = {
  position: (state) => [state.ordinal, state.time, state.sequence],
  cursors: (state) => [...state.cursors],
  sent: (state) => state.outbox.dump().lanes.map(([target, last]) => [target, last]),
  timers: (state) => [state.timers.next, state.timers.all()],
  quarantine: (state) => state.quarantine.all(),
  refusals: (state) => state.refusals.list,
  disagreements: (state) => state.disagreements,
  tally: (state) => state.tally,
  keys: (state) => [...state.keys.dump()],
  actors: actorsOf,
}

/** @returns the name of the first part that differs */
export function difference(one: ShardState, other: ShardState): string | undefined {
  const differs = Object.entries(parts).find(([, part]) => !same(part(one), part(other)))
  return differs?.[0] ?? owedDifference(one, other)
}

/** Messages owed on one side must be the same on the other, unless they are acknowledged there. */
function owedDifference(one: ShardState, other: ShardState): string | undefined {
  const owed = new Map<string, MessageFields>()
  for (const message of other.outbox.dump().messages) owed.set(nameOf(message), message)
  for (const message of one.outbox.dump().messages) {
    const theirs = owed.get(nameOf(message))
    if (theirs === undefined || same(told(message), told(theirs))) continue
    return `message ${one.shard}→${nameOf(message)}`
  }
  return undefined
}

function nameOf({ target, number }: MessageFields): string {
  return `${target} ${number}`
}

function told({ address, command, input, from, then, context, stamp }: MessageFields): unknown {
  return [address, command, input, from, then, context, stamp]
}

function actorsOf(state: ShardState): unknown[] {
  const actors = [...state.actors.values()].filter(({ version }) => version > 0)
  const cut = state.store.cut()
  cut.read(
    (stored) => {
      actors.push(state.unpackActor(stored, state.kinds.of(stored.address)!))
    },
    0,
    cut.slots,
  )
  return actors
    .sort((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ address, version, history, state: own }) => [address, version, history, own])
}

/** True for plain data that is packed as the same bytes: numbers by value, fields in the same order. */
function same(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object') return false
  if (one === null || other === null) return false
  if (ArrayBuffer.isView(one) && ArrayBuffer.isView(other)) {
    return Buffer.compare(bytesOf(one), bytesOf(other)) === 0
  }
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false
    return one.every((value, i) => same(value, other[i]))
  }
  if (!isPlain(one) || !isPlain(other)) return false
  const names = Object.keys(one)
  const theirs = Object.keys(other)
  return (
    names.length === theirs.length &&
    names.every((name, i) => name === theirs[i] && same(one[name], other[name]))
  )
}

function isPlain(value: object): value is Record<string, unknown> {
  // Whatever else there may be would be compared as nothing.
  return Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
