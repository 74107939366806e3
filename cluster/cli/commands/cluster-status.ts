/**
 * `suanpan status --nats URL`: how a whole cluster is, from its coordinator and its nodes.
 *
 * S1. Ready means that every shard has an owner that is alive and was heard lately, and that it is served as far
 *     as the nodes answer: an owner may wait for a stream of it.
 * S2. A shard that was just handed over is opened within a moment, and none that is not ready: it is looked at again.
 */
import type { ClusterStatus } from '../../membership/control.js'
import { leaseDefaults, silenceMs } from '../../membership/settings.js'
import type { NodeVitals } from '../../node/vitals.js'
import { checkCoordinated, withCluster, type ClusterSession } from '../cluster-session.js'
import { nameOf } from '../cluster-waits.js'
import type { NatsWords } from '../nats-options.js'
import { bytes, count, counted, pairsTable, type Output } from '../output.js'
import { CommandFailed } from '../problem.js'

const looksMax = 5
const lookPauseMs = 400

/** @throws CommandFailed not_ready after the status was printed; no_coordinator */
export async function runClusterStatus(words: NatsWords, output: Output): Promise<void> {
  await withCluster(words, async (session) => {
    const { status, vitals } = await settledLook(() => lookAt(session))
    const look = lookOf(words.cluster, status, vitals)
    output.result(look, () => inWords(look))
    checkCoordinated(status)
    if (look.notReady !== undefined) throw new CommandFailed('not_ready', look.notReady)
  })
}

interface Seen {
  readonly status: Pick<ClusterStatus, 'nodes' | 'shards' | 'trouble'>
  /** Of the nodes that answered. */
  readonly vitals: readonly Pick<NodeVitals, 'id' | 'shards' | 'leftOut'>[]
}

async function lookAt(
  session: ClusterSession,
): Promise<{ status: ClusterStatus; vitals: NodeVitals[] }> {
  const status = await session.seen()
  const alive = status.nodes.filter(({ state }) => state !== 'dead')
  const vitals = await Promise.all(alive.map(({ id }) => session.vitalsOf(id)))
  return { status, vitals: vitals.filter((one) => one !== undefined) }
}

/** Looks again while all that hinders is what may just have been handed over (S2). @returns the last look */
export async function settledLook<S extends Seen>(look: () => Promise<S>): Promise<S> {
  for (let looks = 1; ; looks++) {
    const seen = await look()
    if (looks === looksMax || !isPassing(seen)) return seen
    await new Promise((resolve) => setTimeout(resolve, lookPauseMs))
  }
}

function isPassing({ status, vitals }: Seen): boolean {
  if (status.trouble !== undefined) return false
  const { ownerless, waiting } = unserved(status, vitals)
  const leftOut = new Set(vitals.flatMap((one) => one.leftOut ?? []))
  return (
    ownerless.length === 0 &&
    waiting.length > 0 &&
    waiting.every(({ shard }) => !leftOut.has(shard))
  )
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

/** Shards that nobody who is heard owns, and those that their owner does not serve. */
function unserved(
  { nodes, shards }: Seen['status'],
  vitals: Seen['vitals'],
): { readonly ownerless: Shards; readonly waiting: Shards } {
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
  return { ownerless, waiting }
}

/** S1. @param vitals of the nodes that answered @returns undefined when it is ready */
export function whyNotReady(status: Seen['status'], vitals: Seen['vitals']): string | undefined {
  const { ownerless, waiting } = unserved(status, vitals)
  const sentences: string[] = []
  if (status.trouble !== undefined) return status.trouble
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

const coordinatorOf = ({ coordinator }: { readonly coordinator: string }): string =>
  coordinator === '' ? 'no coordinator' : `coordinator ${coordinator}`

function inWords(look: Look): string {
  const { nodesSilent, shardsLeftOut } = look
  const rows: (readonly [string, string])[] = [
    ['ready', look.notReady === undefined ? 'yes' : `no: ${look.notReady}`],
    [
      'nodes',
      `${counted(look.nodes, 'node')}, ${coordinatorOf(look)} in term ${look.term}` +
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
