/**
 * Small facts of a run: the hashes a request goes by, and sentences about what is still owed.
 */
import type { ShardStatus } from '../actor/client.js'
import { recordKinds } from '../messaging/idempotency-table.js'
import { hashWords } from '../messaging/key-chunks.js'
import type { KeyedHash } from '../messaging/keyed-hash.js'
import type { CommittedTurn, KeyInsert } from '../shard/committed-turn.js'
import type { CommittedTurnView } from './oracle.js'
import type { Operation } from './workload.js'

/** As the client hashes a request (see `request-client.ts`). */
export function hashesOf(
  hash: KeyedHash,
  address: string,
  name: string,
  key: string,
  input: unknown,
): number[] {
  const words: number[] = []
  hash.key(address, name, key, words)
  hash.meaning(input, words)
  // Journaled as signed words.
  return words.slice(0, hashWords).map((word) => word | 0)
}

/** A journaled turn as oracles see it. @param operation the first attempt of what it did */
export function turnView(
  shard: number,
  ordinal: number,
  { cause, events, messages, key }: CommittedTurn,
  operation: Operation | undefined,
): CommittedTurnView {
  return {
    shard,
    ordinal,
    cause,
    events: events.map(({ tag, address, data }) => ({ address, ...partsOf(tag), data })),
    messages,
    keys: operation === undefined || key === undefined ? [] : [keyOf(operation, key)],
  }
}

function keyOf(operation: Operation, key: KeyInsert): CommittedTurnView['keys'][number] {
  const { refusal, kind } = key
  return { operation, refusal: refusal?.[0], mayBeUnbound: kind === recordKinds.note }
}

export function owedSentence(status: readonly ShardStatus[]): string {
  const owing = status.filter(({ outboxMessages, mailbox }) => outboxMessages + mailbox > 0)
  const each = owing.map(
    ({ shard, outboxMessages, mailbox }) => `${shard}: ${outboxMessages} owed, ${mailbox} waiting`,
  )
  return `no convergence: shards still have work (${each.join('; ')})`
}

interface TagParts {
  readonly kind: string
  readonly event: string
  readonly kindVersion: number
}

const knownTags = new Map<string, TagParts>()

/** What a journaled event's tag says: `kind@version.event`. */
export function partsOf(tag: string): TagParts {
  let parts = knownTags.get(tag)
  if (parts === undefined) {
    const [, kind = '', version = '', event = ''] = /^([^@]*)@(\d+)\.(.*)$/.exec(tag) ?? []
    knownTags.set(tag, (parts = { kind, event, kindVersion: Number(version) }))
  }
  return parts
}
