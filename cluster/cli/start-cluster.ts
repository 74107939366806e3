/**
 * `suanpan start --nats URL`: a node of a cluster in this process, with the HTTP API; or, with
 * `--processes N`, a supervisor of N such processes behind one port.
 *
 * S1. It says where it listens only when it is a member that serves what it was given.
 * S2. Asked to end, it first gives its shards to others; what clients ask meanwhile is forwarded.
 * S6. A worker that refuses to start says why, and tells its supervisor whether that passes by itself.
 * S7. When it has said that it stopped it ends, whatever still waits for something in it.
 * S9. Who can't listen does not join: a node that comes and goes takes shards along each time.
 */
import cluster from 'node:cluster'
import { payments, transitOf } from '../../actors/index.js'
import { nodeEnv, OpenRefused, type FormatRange } from '../../runtime/index.js'
import type { Nats } from '../../transport/index.js'
import type { ApiKeyRecord, Gateway, GatewayOptions } from '../../transport/gateway/index.js'
import { ClusterNode, type ClusterNodeOptions } from '../node/cluster-node.js'
import { clusterOps } from '../node/cluster-ops.js'
import { OfficeAuditor } from '../node/office-auditor.js'
import { Supervised } from '../supervisor/obituaries.js'
import { nodeNameVariable, Supervisor, workerRefused } from '../supervisor/supervisor.js'
import { DurabilityCheck } from './durability.js'
import { exitCodes } from './exit-codes.js'
import type { Interrupt } from './interrupt.js'
import { natsOptions, nodeNameDefault, type NatsWords } from './nats-options.js'
import type { Output } from './output.js'
import { CommandFailed, problemOf } from './problem.js'
import { ProcessMeter } from './process-meter.js'

/** The keys the gateway asks for; none where everybody on this machine may do everything. */
export type ApiKeys = readonly ApiKeyRecord[] | undefined

export interface ClusterStartOptions extends NatsWords {
  readonly host: string
  readonly port: number
  readonly node?: string
  readonly processes?: number
  readonly shards?: number
  readonly replicas?: number
  readonly timeZone?: string
  readonly snapshotKib?: number
  readonly allowUnsafeDurability?: boolean
}

const replicasDefault = 3
const readyPauseMs = 50

/** Runs a node, or a supervisor, until it is asked to end. */
export async function startCluster(
  options: ClusterStartOptions,
  apiKeys: ApiKeys,
  output: Output,
  interrupt: Interrupt,
): Promise<void> {
  // The port of a supervisor's workers is the supervisor's.
  if (cluster.isPrimary) await checkAddress(options)
  if (cluster.isPrimary && (options.processes ?? 1) > 1) await supervise(options, output, interrupt)
  else await serveNode(options, apiKeys, output, interrupt)
  await output.flushed()
  process.exit()
}

/** S9. @throws GatewayConfigError */
async function checkAddress(options: ClusterStartOptions): Promise<void> {
  const gateway = await import('../../transport/gateway/index.js')
  await gateway.checkAddress(options)
}

async function supervise(
  options: ClusterStartOptions,
  output: Output,
  interrupt: Interrupt,
): Promise<void> {
  const supervisor = new Supervisor({
    processes: options.processes!,
    exec: process.argv[1]!,
    args: process.argv.slice(2),
    name: options.node ?? nodeNameDefault(),
    onEvent: (event, detail) => {
      output.tell(event, detail)
    },
  })
  supervisor.start()
  interrupt.onRequest(() => {
    supervisor.stop()
  })
  const code = await supervisor.ended
  output.result({ event: 'stopped', clean: code === exitCodes.done }, () => 'All nodes have ended.')
  process.exitCode = code
}

/** Everything a node process has open. */
interface Running {
  readonly node: ClusterNode
  readonly auditor: OfficeAuditor
  readonly gateway: Gateway
  readonly connections: readonly Nats[]
  /** Rejects when a rule of ours was broken; pending for ever otherwise. */
  readonly failed: Promise<never>
}

async function serveNode(
  options: ClusterStartOptions,
  apiKeys: ApiKeys,
  output: Output,
  interrupt: Interrupt,
): Promise<void> {
  const name = process.env[nodeNameVariable] ?? options.node ?? nodeNameDefault()
  const opened = await Promise.race([opening(name, options, apiKeys, output), interrupt.requested])
  // Nothing was given to it yet; what it may have begun ends by its silence.
  if (typeof opened === 'string') {
    output.result({ event: 'stopped', clean: true }, () => 'Stopped before it had joined.')
    process.exit(exitCodes.done)
  }
  const running = opened
  const { node, gateway, failed } = running
  try {
    const asked = interrupt.requested
    const signal = await Promise.race([whenReady(node, interrupt), asked, failed])
    if (signal === undefined) {
      const { id } = node.membership
      const event = { event: 'listening', url: gateway.address, pid: process.pid, node: id }
      output.result(
        event,
        () =>
          `Node ${name} of the cluster "${options.cluster}" listens on ${gateway.address}. Stop with Ctrl-C.`,
      )
      await Promise.race([asked, failed])
    }
    output.say(`Giving ${node.shards.length} shards to others …`)
    const clean = await Promise.race([end(running), failed])
    output.result({ event: 'stopped', clean }, () => (clean ? cleanWords : uncleanWords))
    if (!clean) process.exitCode = exitCodes.failed
  } catch (error) {
    // A node whose clock is wrong has broken no rule: it ends as one that was asked to.
    if (error instanceof OpenRefused && error.code === 'clock_off') await end(running)
    endWith(error, output)
  }
}

/** Opens; a worker that can't ends with its reason. @throws NatsUnreachable, NatsRefused, OpenRefused, CommandFailed */
async function opening(...given: Parameters<typeof open>): Promise<Running> {
  try {
    return await open(...given)
  } catch (error) {
    if (!cluster.isWorker) throw error
    const [, , , output] = given
    const code = output.failure(error)
    // A bug of ours, and servers that are away, may be gone at the next try.
    const passes = ['internal', 'nats_unreachable'].includes(problemOf(error).code)
    process.exit(code === exitCodes.usage || passes ? code : workerRefused)
  }
}

/** Ends a node that can't go on, with its reason; one that found out late that it may not serve refuses. */
function endWith(error: unknown, output: Output): never {
  const code = output.failure(error) || exitCodes.failed
  process.exit(cluster.isWorker && error instanceof CommandFailed ? workerRefused : code)
}

/** The two connections of a node. */
interface Connections {
  readonly nats: Nats
  readonly control: Nats
}

/** @throws NatsUnreachable, NatsRefused, OpenRefused, CommandFailed */
async function open(
  name: string,
  options: ClusterStartOptions,
  apiKeys: ApiKeys,
  output: Output,
): Promise<Running> {
  const { connectNats } = await import('../../transport/nats/index.js')
  const onProblem = (sentence: string): void => {
    output.tell('nats', { sentence }, sentence)
  }
  const control = await connectNats({
    ...natsOptions(options, `suanpan ${name} control`),
    onProblem,
  })
  const nats = await connectNats({ ...natsOptions(options, `suanpan ${name}`), onProblem })
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Whoever waits for it sees it; nobody has to.
  failed.catch(() => undefined)
  try {
    const node = await join(name, options, output, { nats, control }, (error) => {
      fail(error instanceof Error ? error : new Error(String(error)))
    })
    const auditor = auditorOf(node, output)
    const gateway = await listen(node, auditor, options, apiKeys, output)
    return { node, auditor, gateway, connections: [nats, control], failed }
  } catch (error) {
    await Promise.all([nats.close(), control.close()])
    throw error
  }
}

/** @throws as {@link open} */
async function join(
  name: string,
  options: ClusterStartOptions,
  output: Output,
  connections: Connections,
  fail: (error: unknown) => void,
): Promise<ClusterNode> {
  const { nats } = connections
  const { replicas = replicasDefault, allowUnsafeDurability: allowUnsafe = false } = options
  const asked = { replicas, allowUnsafe }
  const durability = new DurabilityCheck(asked, output, await nats.facts())
  nats.onConnection((connected) => {
    if (connected) void nats.facts().then((facts) => durability.again(facts))
  })
  const meter = new ProcessMeter()
  const supervised = new Supervised()
  /** The node, once there is one: it knows how much is to be said. */
  const levels: { node?: ClusterNode } = {}
  const node: ClusterNode = await ClusterNode.join(nodeEnv(), {
    ...nodeOptions(name, options),
    ...connections,
    processVitals: () => meter.read(),
    answered: (ms) => {
      meter.answered(ms)
    },
    transitOf,
    lifeBegins: (id) => supervised.lifeBegins(id),
    opened: (stream) => {
      durability.opened(stream)
    },
    report: reporter(output, () => levels.node?.configuration.get('log.level') ?? 'info'),
    fail,
  })
  levels.node = node
  supervised.joined((id) => node.coordinator.bury(id))
  return node
}

/** Serves the HTTP API; a node that can't leaves as one that was asked to. @throws GatewayConfigError */
async function listen(
  node: ClusterNode,
  auditor: OfficeAuditor,
  options: ClusterStartOptions,
  apiKeys: ApiKeys,
  output: Output,
): Promise<Gateway> {
  const { createGateway } = await import('../../transport/gateway/index.js')
  try {
    const gateway = createGateway(gatewayOptions(node, auditor, options, apiKeys, output))
    await gateway.listen()
    node.tellAddress(gateway.address)
    auditor.start()
    return gateway
  } catch (error) {
    await node.drain()
    await node.leave()
    throw error
  }
}

/** Audits while this node is in office, once it is started; what it finds is said to the operator. */
function auditorOf(node: ClusterNode, output: Output): OfficeAuditor {
  const bank = payments.client(node.client)
  return new OfficeAuditor({
    env: nodeEnv(),
    inOffice: () => node.coordinator.term !== undefined,
    audit: () => bank.audit(),
    onAlarm: (alarm) => output.alarm(alarm),
  })
}

function gatewayOptions(
  node: ClusterNode,
  auditor: OfficeAuditor,
  { host, port }: ClusterStartOptions,
  apiKeys: ApiKeys,
  output: Output,
): GatewayOptions {
  return {
    bank: payments.client(node.client),
    ops: clusterOps(node, auditor),
    host,
    port,
    ...(apiKeys === undefined ? {} : { apiKeys }),
    onError: (error, { method, url }) => {
      const reason = error instanceof Error ? error.message : String(error)
      const detail = { method, url, reason }
      output.tell('request_failed', detail, `${method} ${url} failed: ${reason}`)
    },
  }
}

function nodeOptions(
  name: string,
  options: ClusterStartOptions,
): Omit<ClusterNodeOptions, 'nats' | 'control' | 'report' | 'fail'> {
  const { cluster: clusterName, shards, replicas, timeZone, snapshotKib } = options
  return {
    cluster: clusterName,
    name,
    replicas: replicas ?? replicasDefault,
    actors: payments.actors,
    // The zone that is none in particular says the same as no zone.
    ...(timeZone === undefined ? {} : { settings: timeZone === 'UTC' ? {} : { timeZone } }),
    ...(shards === undefined ? {} : { shards }),
    ...(snapshotKib === undefined ? {} : { snapshotJournalBytes: snapshotKib * 1024 }),
    ...formatsTried(),
  }
}

/**
 * Tests of rolling upgrades let a node be of a release to come: it reads and writes formats that are
 * laid out as today's and have another number.
 */
function formatsTried(): { formats?: FormatRange } {
  const [oldest, newest] = (process.env['SUANPAN_TEST_FORMATS'] ?? '').split('-').map(Number)
  return oldest === undefined || newest === undefined ? {} : { formats: [oldest, newest] }
}

/** In this order: no shard is dropped before another node serves it, no connection before its answers. */
async function end({ node, auditor, gateway, connections }: Running): Promise<boolean> {
  auditor.stop()
  await node.drain()
  await gateway.close()
  const inOrder = await node.leave()
  await Promise.all(connections.map((connection) => connection.close()))
  return inOrder
}

const cleanWords = 'Stopped cleanly; all is durable.'
const uncleanWords =
  'Stopped, but NATS did not take what was under way: payments without an answer may be done; ask again with the same keys.'

/** Waits until the node serves, or is asked to end: one on its way out gets ready no more. */
async function whenReady(node: ClusterNode, interrupt: Interrupt): Promise<undefined> {
  while (!interrupt.asked && !(node.ready && node.complete))
    await new Promise((resolve) => setTimeout(resolve, readyPauseMs))
  return undefined
}

type Level = 'error' | 'warn' | 'info' | 'debug'

const levelOrder: readonly Level[] = ['error', 'warn', 'info', 'debug']

/** How important an event is. */
function levelOf(event: string): Level {
  if (event === 'snapshot') return 'debug'
  if (event.endsWith('_broken') || event === 'actor_failed') return 'error'
  return /_(?:failed|trouble|lost|silent|dead|awaited|waits|over|jumped|not_cut|unreadable|unsent|behind)$|quarantined/.test(
    event,
  )
    ? 'warn'
    : 'info'
}

/** What an operator should know while the node runs, as far as the setting `log.level` wants it. */
function reporter(
  output: Output,
  level: () => Level,
): (event: string, detail: Record<string, unknown>) => void {
  return (event, detail) => {
    if (levelOrder.indexOf(levelOf(event)) <= levelOrder.indexOf(level()))
      output.tell(event, detail)
  }
}
