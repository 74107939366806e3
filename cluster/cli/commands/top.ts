/** `suanpan top`: a live view of a cluster: nodes, shards, hot actors, rates, latencies, money on its way. */
import type { Command } from 'commander'
import type { ClusterStatus } from '../../membership/control.js'
import type { NodeVitals } from '../../node/vitals.js'
import { withCluster, type ClusterSession } from '../cluster-session.js'
import { nameOf } from '../cluster-waits.js'
import { listenForInterrupt } from '../interrupt.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, jsonOption, whole } from '../options.js'
import { bytes, count, milliseconds, Output, rowsTable } from '../output.js'

interface Words extends NatsWords {
  readonly interval: number
  readonly once?: boolean
  readonly json?: boolean
}

type View = 'nodes' | 'shards' | 'actors'

/** One look at a whole cluster. */
interface Look {
  readonly at: number
  readonly status: ClusterStatus
  readonly vitals: readonly NodeVitals[]
}

const intervalSecondsMax = 3_600
const views: Readonly<Record<string, View>> = { '1': 'nodes', '2': 'shards', '3': 'actors' }
const clear = '\u001b[H\u001b[2J\u001b[3J'

export function addTop(program: Command): void {
  withNats(
    program
      .command('top')
      .summary('a live view of a cluster')
      .description(
        'Shows nodes, shards and hot actors with their rates, latencies and the money on its way.\n' +
          'Keys: 1 nodes, 2 shards, 3 hot actors, q ends. Without a terminal it prints tables.',
      )
      .option('--interval <s>', 'seconds between two looks', whole(1, intervalSecondsMax), 2)
      .option('--once', 'look twice, a moment apart, print and end')
      .addOption(jsonOption())
      .addHelpText('after', examples('suanpan top', 'suanpan top --once --json'))
      .action(async (words: Words) => {
        const output = new Output(words.json === true)
        await withCluster(words, (session) =>
          words.once === true ? once(session, output) : live(session, words, output),
        )
      }),
    true,
  )
}

async function once(session: ClusterSession, output: Output): Promise<void> {
  const before = await look(session)
  await pause(1_000)
  const now = await look(session)
  output.result(factsOf(before, now), () =>
    (['nodes', 'shards', 'actors'] as const)
      .map((view) => screen(view, before, now, session.cluster))
      .join('\n\n'),
  )
}

async function live(session: ClusterSession, words: Words, output: Output): Promise<void> {
  const terminal = process.stdout.isTTY && !output.json
  const interrupt = listenForInterrupt(output)
  let view: View = 'nodes'
  let ended = false
  let wake: () => void = () => undefined
  const end = (): void => {
    ended = true
    wake()
  }
  interrupt.onRequest(end)
  const onKey = (key: Buffer): void => {
    const typed = key.toString('latin1')
    if (typed === 'q' || typed === '\u0003') end()
    view = views[typed] ?? view
    wake()
  }
  if (terminal) {
    process.stdin.setRawMode(true)
    process.stdin.on('data', onKey)
  }
  try {
    let before = await look(session)
    await pause(Math.min(1_000, words.interval * 1000))
    while (!isEnded()) {
      const now = await look(session)
      if (terminal) process.stdout.write(clear)
      output.result(factsOf(before, now), () => screen(view, before, now, session.cluster))
      if (terminal) output.say('\n  1 nodes  2 shards  3 hot actors  q quit')
      if (now.at - before.at > words.interval * 900) before = now
      await Promise.race([
        pause(words.interval * 1000),
        new Promise<void>((resolve) => {
          wake = resolve
        }),
      ])
    }
  } finally {
    if (terminal) {
      process.stdin.setRawMode(false)
      process.stdin.off('data', onKey)
      process.stdin.pause()
    }
    interrupt.dispose()
  }

  function isEnded(): boolean {
    return ended
  }
}

async function look(session: ClusterSession): Promise<Look> {
  const status = await session.status()
  const asked = status.nodes
    .filter(({ state }) => state !== 'dead')
    .map(({ id }) => session.vitalsOf(id))
  const vitals = (await Promise.all(asked)).filter((one) => one !== undefined)
  return { at: performance.now(), status, vitals }
}

/** What changed between two looks, per second. */
function rate(before: Look, now: Look, of: (vitals: NodeVitals) => number, id: string): number {
  const [first, second] = [before, now].map(({ vitals }) => vitals.find((one) => one.id === id))
  if (first === undefined || second === undefined) return 0
  return Math.max(0, (of(second) - of(first)) / Math.max(0.001, (now.at - before.at) / 1000))
}

function factsOf(before: Look, now: Look) {
  return {
    coordinator: now.status.coordinator,
    mapVersion: now.status.mapVersion,
    transit: transitOf(now),
    nodes: now.vitals.map((vitals) => ({
      ...vitals,
      requestsPerSecond: rate(before, now, (one) => one.answered ?? 0, vitals.id),
      turnsPerSecond: rate(before, now, turnsOf, vitals.id),
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

function turnsOf({ shards }: NodeVitals): number {
  return shards.reduce((total, { ordinal }) => total + ordinal, 0)
}

function screen(view: View, before: Look, now: Look, cluster: string): string {
  const { status } = now
  const turns = now.vitals.reduce((sum, { id }) => sum + rate(before, now, turnsOf, id), 0)
  const transit = Object.entries(transitOf(now)).map(
    ([currency, amount]) => `${amount} ${currency}`,
  )
  const head = [
    `Cluster "${cluster}": ${status.nodes.filter(({ state }) => state !== 'dead').length} nodes, ${status.shards.length} shards, coordinator ${nameOf(status, status.coordinator)}, map ${status.mapVersion}`,
    `${count(turns)} turns/s; on its way: ${transit.join(', ') || 'nothing'}`,
  ].join('\n')
  const table =
    view === 'nodes'
      ? nodesView(before, now)
      : view === 'shards'
        ? shardsView(before, now)
        : actorsView(now)
  return `${head}\n\n${table}`
}

function nodesView(before: Look, now: Look): string {
  const rows = now.vitals.map((node) => [
    node.name,
    String(node.shards.length),
    count(rate(before, now, (one) => one.answered ?? 0, node.id)),
    count(rate(before, now, turnsOf, node.id)),
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
      count(
        rate(
          before,
          now,
          (one) => one.shards.find(({ shard: number }) => number === shard.shard)?.ordinal ?? 0,
          node.id,
        ),
      ),
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
