/**
 * `suanpan status --nats URL`: how a whole cluster is, from its coordinator and its nodes.
 *
 * S1. Ready means that every shard has an owner that is alive and was heard lately, and that it is served as far
 *     as the nodes answer: an owner may wait for a stream of it.
 */
import type { ClusterStatus } from '../../membership/control.js'
import { leaseDefaults, silenceMs } from '../../membership/settings.js'
import type { NodeVitals } from '../../node/vitals.js'
import { withCluster } from '../cluster-session.js'
import { nameOf } from '../cluster-waits.js'
import type { NatsWords } from '../nats-options.js'
import { bytes, count, counted, pairsTable, type Output } from '../output.js'
import { CommandFailed } from '../problem.js'

/** @throws CommandFailed not_ready after the status was printed; no_coordinator */
export async function runClusterStatus(words: NatsWords, output: Output): Promise<void> {
  await withCluster(words, async (session) => {
    const status = await session.status()
    const alive = status.nodes.filter(({ state }) => state !== 'dead')
    const vitals = await Promise.all(alive.map(({ id }) => session.vitalsOf(id)))
    const answered = vitals.filter((one) => one !== undefined)
    const look = lookOf(words.cluster, status, answered)
    output.result(look, () => inWords(look))
    if (look.notReady !== undefined) throw new CommandFailed('not_ready', look.notReady)
  })
}

type Look = ReturnType<typeof lookOf>

function lookOf(cluster: string, status: ClusterStatus, vitals: readonly NodeVitals[]) {
  const { nodes, shards } = status
  const notReady = whyNotReady(status, vitals)
  const silent = nodes
    .filter(({ id, state }) => state !== 'dead' && !vitals.some((one) => one.id === id))
    .map(({ id }) => nameOf(status, id))
  const leftOut = vitals.flatMap((one) => one.leftOut ?? []).toSorted((a, b) => a - b)
  const ofShards = vitals.flatMap((node) => node.shards)
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
  return {
    cluster,
    ready: notReady === undefined,
    ...(notReady === undefined ? {} : { notReady }),
    coordinator: nameOf(status, status.coordinator),
    term: status.term,
    mapVersion: status.mapVersion,
    format: status.format,
    nodes: nodes.filter(({ state }) => state !== 'dead').length,
    nodesAnswering: vitals.length,
    ...(silent.length === 0 ? {} : { nodesSilent: silent }),
    shards: shards.length,
    ...(leftOut.length === 0 ? {} : { shardsLeftOut: leftOut }),
    shardsMoving: shards.filter(({ next }) => next !== null).length,
    shardsPinned: shards.filter(({ pinned }) => pinned).length,
    ordinals: sum(ofShards.map(({ ordinal }) => ordinal)),
    actors: sum(ofShards.map(({ actors }) => actors)),
    idempotencyKeys: sum(ofShards.map(({ idempotencyKeys }) => idempotencyKeys)),
    outboxMessages: sum(ofShards.map(({ outboxMessages }) => outboxMessages)),
    mailboxMessages: sum(ofShards.map(({ mailbox }) => mailbox)),
    residentBytes: sum(vitals.map(({ rssBytes }) => rssBytes ?? 0)),
  }
}

/** S1. @param vitals of the nodes that answered @returns undefined when it is ready */
export function whyNotReady(
  { nodes, shards }: Pick<ClusterStatus, 'nodes' | 'shards'>,
  vitals: readonly Pick<NodeVitals, 'id' | 'shards'>[],
): string | undefined {
  const longest = silenceMs(leaseDefaults)
  const heard = new Set(
    nodes
      .filter(({ state, silentMs }) => state !== 'dead' && silentMs <= longest)
      .map(({ id }) => id),
  )
  const answered = new Set(vitals.map(({ id }) => id))
  // By whomever: it may have moved since the coordinator was asked.
  const served = new Set(vitals.flatMap((node) => node.shards.map(({ shard }) => shard)))
  const ownerless = shards.filter(({ owner }) => owner === null || !heard.has(owner))
  const waiting = shards.filter(
    (one) => !ownerless.includes(one) && answered.has(one.owner!) && !served.has(one.shard),
  )
  const sentences: string[] = []
  if (ownerless.length > 0)
    sentences.push(
      `${shardsOf(ownerless)} without an owner that answers: ${listOf(ownerless)}; look at "suanpan nodes".`,
    )
  if (waiting.length > 0)
    sentences.push(
      `${shardsOf(waiting)} not served by the owner yet: ${listOf(waiting)}; if that lasts, the owner says what it waits for.`,
    )
  return sentences.length === 0 ? undefined : sentences.join(' ')
}

type Shards = ClusterStatus['shards']

const shardsOf = (shards: Shards): string => counted(shards.length, 'shard')
const listOf = (shards: Shards): string => shards.map(({ shard }) => shard).join(', ')

function inWords(look: Look): string {
  const { nodesSilent, shardsLeftOut } = look
  const rows: (readonly [string, string])[] = [
    ['ready', look.notReady === undefined ? 'yes' : `no: ${look.notReady}`],
    [
      'nodes',
      `${counted(look.nodes, 'node')}, coordinator ${look.coordinator} in term ${look.term}` +
        (nodesSilent === undefined ? '' : `; no answer of ${nodesSilent.join(', ')}`),
    ],
    [
      'shards',
      `${count(look.shards)}, ${look.shardsMoving} moving, ${look.shardsPinned} pinned, ${count(look.ordinals)} ordinals` +
        (shardsLeftOut === undefined
          ? ''
          : `; left out, for their storage takes nothing: ${shardsLeftOut.join(', ')}`),
    ],
    ['map', `version ${look.mapVersion}, format ${look.format}`],
    ['actors', `${count(look.actors)}, ${count(look.idempotencyKeys)} idempotency keys`],
    [
      'waiting',
      `${count(look.mailboxMessages)} in mailboxes, ${count(look.outboxMessages)} in outboxes`,
    ],
    ['memory', `${bytes(look.residentBytes)} resident`],
  ]
  return `Cluster "${look.cluster}"\n${pairsTable(rows)}`
}
