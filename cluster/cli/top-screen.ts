/** What `suanpan top` shows of two looks at a cluster: tables for people, facts for programs. */
import type { ClusterStatus } from '../membership/control.js'
import type { NodeVitals, ShardVitals } from '../node/vitals.js'
import { nameOf } from './cluster-waits.js'
import { bytes, count, milliseconds, rowsTable } from './output.js'

export const topViews = ['nodes', 'shards', 'actors'] as const

export type TopView = (typeof topViews)[number]

/** One look at a whole cluster. */
export interface Look {
  readonly at: number
  readonly status: ClusterStatus
  readonly vitals: readonly NodeVitals[]
}

/** What changed between two looks, per second. */
function rate(before: Look, now: Look, of: (vitals: NodeVitals) => number, id: string): number {
  const [first, second] = [before, now].map(({ vitals }) => vitals.find((one) => one.id === id))
  if (first === undefined || second === undefined) return 0
  return Math.max(0, of(second) - of(first)) / secondsBetween(before, now)
}

export function factsOf(before: Look, now: Look) {
  return {
    coordinator: now.status.coordinator,
    ...(now.status.trouble === undefined ? {} : { trouble: now.status.trouble }),
    mapVersion: now.status.mapVersion,
    transit: transitOf(now),
    nodes: now.vitals.map((vitals) => ({
      ...vitals,
      requestsPerSecond: rate(before, now, (one) => one.answered ?? 0, vitals.id),
      turnsPerSecond: turnsRate(before, now, vitals.shards),
      cpuShare: rate(before, now, (one) => one.cpuSeconds ?? 0, vitals.id),
    })),
    shards: now.status.shards,
  }
}

/** Minor units on their way, by currency, over all nodes. */
function transitOf({ vitals }: Look): Record<string, string> {
  const sum = new Map<string, bigint>()
  for (const { transit } of vitals) {
    for (const [currency, amount] of Object.entries(transit)) {
      sum.set(currency, (sum.get(currency) ?? 0n) + BigInt(amount))
    }
  }
  return Object.fromEntries([...sum].map(([currency, amount]) => [currency, String(amount)]))
}

/**
 * Turns per second of shards. One that was not seen before counts from now on: it was left out, or on its way, and did
 * not do all its turns since.
 */
function turnsRate(before: Look, now: Look, shards: readonly ShardVitals[]): number {
  const seen = new Map(
    before.vitals.flatMap((node) => node.shards.map(({ shard, ordinal }) => [shard, ordinal])),
  )
  const turns = shards.reduce((sum, { shard, ordinal }) => {
    return sum + Math.max(0, ordinal - (seen.get(shard) ?? ordinal))
  }, 0)
  return turns / secondsBetween(before, now)
}

function secondsBetween(before: Look, now: Look): number {
  return Math.max(0.001, (now.at - before.at) / 1000)
}

export function screen(view: TopView, before: Look, now: Look, cluster: string): string {
  const { status } = now
  const turns = turnsRate(
    before,
    now,
    now.vitals.flatMap((node) => node.shards),
  )
  const transit = Object.entries(transitOf(now)).map(
    ([currency, amount]) => `${amount} ${currency}`,
  )
  const leftOut = now.vitals.flatMap((one) => one.leftOut ?? []).toSorted((a, b) => a - b)
  const head = [
    `Cluster "${cluster}": ${status.nodes.filter(({ state }) => state !== 'dead').length} nodes, ${status.shards.length} shards, coordinator ${nameOf(status, status.coordinator || null)}, map ${status.mapVersion}`,
    `${count(turns)} turns/s; on its way: ${transit.join(', ') || 'nothing'}`,
    ...(status.trouble === undefined ? [] : [status.trouble]),
    ...(leftOut.length === 0
      ? []
      : [`left out, for their storage takes nothing: shards ${leftOut.join(', ')}`]),
    ...silentNodes(now),
  ].join('\n')
  const table =
    view === 'nodes'
      ? nodesView(before, now)
      : view === 'shards'
        ? shardsView(before, now)
        : actorsView(now)
  return `${head}\n\n${table}`
}

/** Nodes that did not answer in time, in words. */
function silentNodes({ status, vitals }: Look): string[] {
  const silent = status.nodes.filter(
    ({ id, state }) => state !== 'dead' && !vitals.some((one) => one.id === id),
  )
  return silent.length === 0
    ? []
    : [`no answer of ${silent.map(({ id }) => nameOf(status, id)).join(', ')}`]
}

function nodesView(before: Look, now: Look): string {
  const rows = now.vitals.map((node) => [
    node.name,
    String(node.shards.length),
    count(rate(before, now, (one) => one.answered ?? 0, node.id)),
    count(turnsRate(before, now, node.shards)),
    milliseconds(node.p50Ms ?? 0),
    milliseconds(node.p99Ms ?? 0),
    `${Math.round(rate(before, now, (one) => one.cpuSeconds ?? 0, node.id) * 100)} %`,
    milliseconds(node.loopDelayMs ?? 0),
    bytes(node.rssBytes ?? 0),
    node.address,
  ])
  return rowsTable(
    ['node', 'shards', 'requests/s', 'turns/s', 'p50', 'p99', 'cpu', 'loop', 'memory', 'address'],
    rows,
  )
}

function shardsView(before: Look, now: Look): string {
  const rows = now.vitals
    .flatMap((node) => node.shards.map((shard) => ({ node, shard })))
    .toSorted((a, b) => a.shard.shard - b.shard.shard)
    .map(({ node, shard }) => [
      String(shard.shard),
      node.name,
      count(turnsRate(before, now, [shard])),
      count(shard.ordinal),
      count(shard.actors),
      count(shard.mailbox),
      count(shard.outboxMessages),
    ])
  return rowsTable(['shard', 'node', 'turns/s', 'ordinal', 'actors', 'mailbox', 'outbox'], rows)
}

function actorsView({ vitals }: Look): string {
  const rows = vitals
    .flatMap(({ name, hot }) => hot.map(([address, share]) => ({ name, address, share })))
    .toSorted((a, b) => b.share - a.share)
    .slice(0, 20)
    .map(({ name, address, share }) => [address, name, `${(share * 100).toFixed(1)} %`])
  return rowsTable(['actor', 'node', 'of its requests'], rows)
}
