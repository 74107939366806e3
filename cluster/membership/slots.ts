/**
 * The table of slots, one key for all: a small number for every member alive, such as 3 of 256.
 *
 * T1. A slot is taken by compare-and-set of the whole table, and only when it is free or its holder
 *     was seen dead, which is final. So two that are alive never have the same.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { fieldsOf, isName, toBytes } from './json.js'
import { slotsMax } from './member.js'
import { within } from './within.js'

const slotsKey = 'slots'

type SlotTable = ReadonlyMap<number, string>

/** @returns the slot, or undefined when none could be taken now: then ask again */
export async function claimSlot(
  env: Env,
  bucket: KeyBucket,
  id: string,
  isDead: (id: string) => boolean,
  attemptMs: number,
): Promise<number | undefined> {
  const read = await readSlots(env, bucket, attemptMs)
  if (read === undefined) return undefined
  const { table, revision } = read
  // An earlier claim whose reply was lost.
  for (const [slot, holder] of table) if (holder === id) return slot
  for (let slot = 0; slot < slotsMax; slot++) {
    const holder = table.get(slot)
    if (holder !== undefined && !isDead(holder)) continue
    const claimed = new Map(table).set(slot, id)
    return (await writeSlots(env, bucket, claimed, revision, attemptMs)) ? slot : undefined
  }
  return undefined
}

/** Frees the slots of holders that are gone. */
export async function freeSlots(
  env: Env,
  bucket: KeyBucket,
  isGone: (id: string) => boolean,
  attemptMs: number,
): Promise<boolean> {
  const read = await readSlots(env, bucket, attemptMs)
  if (read === undefined) return false
  const kept = new Map([...read.table].filter(([, holder]) => !isGone(holder)))
  if (kept.size === read.table.size) return true
  return writeSlots(env, bucket, kept, read.revision, attemptMs)
}

async function readSlots(
  env: Env,
  bucket: KeyBucket,
  attemptMs: number,
): Promise<{ table: SlotTable; revision: number } | undefined> {
  // A read that finds nothing can't be told from one that failed; the revision decides when writing.
  const asked = await within(
    env,
    attemptMs,
    bucket.get(slotsKey).then((entry) => ({ entry })),
  )
  if (asked === undefined) return undefined
  const { entry } = asked
  if (entry === undefined) return { table: new Map(), revision: 0 }
  return { table: decodeSlots(entry.value), revision: entry.revision }
}

async function writeSlots(
  env: Env,
  bucket: KeyBucket,
  table: SlotTable,
  revision: number,
  attemptMs: number,
): Promise<boolean> {
  const value = toBytes(Object.fromEntries(table))
  const result = await within(env, attemptMs, bucket.put(slotsKey, value, revision))
  return result?.outcome === 'appended'
}

function decodeSlots(bytes: Uint8Array): SlotTable {
  const table = new Map<number, string>()
  for (const [slot, holder] of Object.entries(fieldsOf(bytes) ?? {})) {
    if (/^\d{1,3}$/.test(slot) && isName(holder)) table.set(Number(slot), holder)
  }
  return table
}
