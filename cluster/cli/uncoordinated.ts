/**
 * A cluster whose coordinator does not answer, though its nodes do: what its bucket holds, and what the nodes say
 * hinders them. Where nothing can be written into the bucket nobody is in office, and operators want to know why.
 */
import type { KeyBucket } from '../../transport/index.js'
import { decodeMember, nodePrefix } from '../membership/member.js'
import type { ClusterStatus, NodeStatus } from '../membership/control.js'
import type { NodeVitals } from '../node/vitals.js'
import { decodeMap, mapKey, type ShardMap } from '../placement/shard-map.js'

/** What is looked at. */
export interface Lookable {
  bucket(): Promise<KeyBucket>
  vitalsOf(node: string): Promise<NodeVitals | undefined>
}

/** @returns undefined when no owner of a shard answers either @throws NatsUnreachable, NatsRefused, CommandFailed */
export async function uncoordinatedStatus(session: Lookable): Promise<ClusterStatus | undefined> {
  const bucket = await session.bucket()
  const entry = await bucket.get(mapKey)
  if (entry === undefined) return undefined
  const map = decodeMap(entry.value)
  const owners = [...new Set(map.shards.flatMap(({ owner, next }) => [owner, next]))]
  const ids = owners.filter((id) => id !== undefined)
  const vitals = (await Promise.all(ids.map((id) => session.vitalsOf(id)))).filter(
    (one) => one !== undefined,
  )
  if (vitals.length === 0) return undefined
  const nodes = await Promise.all(ids.map((id) => nodeOf(bucket, map, id)))
  return {
    ...{ coordinator: '', term: map.term, mapVersion: map.version, format: map.format },
    trouble: troubleOf(vitals),
    nodes: nodes.filter((node) => node !== undefined),
    shards: map.shards.map(({ owner, next, ready, pinned }, shard) => {
      const at = vitals.find(({ id }) => id === owner)
      const ordinal = at?.shards.find((one) => one.shard === shard)?.ordinal ?? null
      const place = { owner: owner ?? null, next: next ?? null, ready, pinned }
      return { shard, ...place, ordinal, load: null }
    }),
  }
}

async function nodeOf(
  bucket: KeyBucket,
  map: ShardMap,
  id: string,
): Promise<NodeStatus | undefined> {
  const entry = await bucket.get(nodePrefix + id)
  const member = entry === undefined ? undefined : decodeMember(entry.value)
  if (entry === undefined || member === undefined) return undefined
  const { name, slot, address, reads, capacity, since } = member
  const state = member.state === 'up' && map.draining.includes(id) ? 'draining' : member.state
  return {
    ...{ id, name, slot: slot ?? null, state, address, reads, capacity, since },
    silentMs: Math.max(0, Date.now() - entry.created),
    shards: map.shards.filter(({ owner }) => owner === id).length,
  }
}

function troubleOf(vitals: readonly NodeVitals[]): string {
  const why = vitals.find(({ leaseless }) => leaseless !== undefined)?.leaseless
  const known = 'What is shown is what the bucket and the nodes hold.'
  return why === undefined
    ? `No coordinator is in office, though nodes answer; they choose one within seconds. ${known}`
    : `No coordinator is in office, for no node can renew its lease: ${why.replace(/\.$/, '')}. ${known}`
}
