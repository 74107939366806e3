/**
 * `suanpan start`: a node in this process, with the HTTP API, until it is asked to end.
 *
 * S1. It says where it listens only when requests are served, and that it stopped only when
 *     everything is durable and sealed.
 * S2. When the runtime stops by itself (disk, fencing, a broken rule), it says why and exits 1.
 * S10. Who can't listen opens no data folder, and makes none.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { OnlineAuditor } from '../../../actors/index.js'
import type { Gateway } from '../../../transport/gateway/index.js'
import {
  openEmbedded,
  recoveryWords,
  type Embedded,
  type EmbeddedOptions,
  type RecoverySummary,
} from '../embedded.js'
import { exitCodes } from '../exit-codes.js'
import { listenForInterrupt, type Interrupt } from '../interrupt.js'
import {
  dataOption,
  examples,
  jsonOption,
  shardsOption,
  threadsOption,
  timeZoneOption,
  whole,
} from '../options.js'
import { clusterShardsMax } from '../../placement/shard-map.js'
import { Output } from '../output.js'
import { nodeName, nodeNameLettersMax, withNats } from '../nats-options.js'
import { CommandFailed, wrongUsage } from '../problem.js'
import type { ApiKeys, ClusterStartOptions } from '../start-cluster.js'

interface StartOptions extends ClusterStartOptions {
  readonly data: string
  readonly threads?: number
  readonly apiKeys?: string
  readonly backups?: string
  readonly segmentKib?: number
  readonly takeOver?: boolean
  readonly sample?: boolean
  readonly exit?: boolean
  readonly json?: boolean
}

const hostDefault = '127.0.0.1'
const portDefault = 7_400
const portMax = 65_535
const kibMax = 1024 * 1024
const processesMax = 256
const replicasMax = 5

export function addStart(program: Command): void {
  const command = program
    .command('start')
    .summary('run a node with the HTTP API in this process')
    .description(
      'Opens a data folder, recovers what is there, and serves the HTTP API until SIGINT or SIGTERM; ' +
        'a second signal forces the end. With --sample it first runs the shipped sample of payments.',
    )
    .addOption(dataOption())
    .option('--host <address>', 'address to listen on; others than loopback need keys', hostDefault)
    .option('--port <n>', 'port to listen on; 0 takes a free one', whole(0, portMax), portDefault)
    .addOption(threadsOption())
    .addOption(shardsOption())
    .option('--api-keys <file>', 'file of API keys (see: suanpan keys new)')
    .option(
      '--backups <dir>',
      'folder for backups asked for over HTTP [anywhere; with --api-keys none is made]',
    )
    .addOption(
      new Option('--time-zone <zone>', 'zone of daily limits [UTC]').argParser(timeZoneOption),
    )
    .option('--segment-kib <n>', 'size of a journal segment [65536]', whole(1, kibMax))
    .option(
      '--snapshot-kib <n>',
      'journal per thread after which snapshots are made [32768]',
      whole(4, kibMax),
    )
    .option('--take-over', 'take the folder from its owner, whoever that is; it is fenced off')
    .option('--sample', 'first run the shipped sample of payments')
    .option('--exit', 'with --sample: end after its summary instead of serving')
    .option('--node <name>', 'with --nats: name of this node [host name]', nodeName)
    .option('--processes <n>', 'with --nats: nodes on this machine', whole(1, processesMax))
    .option('--replicas <n>', 'with --nats: copies a new cluster keeps [3]', whole(1, replicasMax))
    .option('--allow-unsafe-durability', 'with --nats: serve although a fault can lose payments')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'suanpan start',
        'suanpan start --sample --exit',
        'suanpan start --data /var/lib/suanpan --time-zone Asia/Shanghai',
        'suanpan start --host 0.0.0.0 --api-keys api-keys.json',
        'suanpan start --nats nats://n1:4222,nats://n2:4222 --processes 4',
      ),
    )
  withNats(command, false).action(async (options: StartOptions) => {
    await runStart(options, new Output(options.json === true))
  })
}

async function runStart(options: StartOptions, output: Output): Promise<void> {
  checkTogether(options)
  const apiKeys = await keysFor(options)
  checkBackups(options)
  const interrupt = listenForInterrupt(output)
  try {
    if (options.nats !== undefined) {
      // Loaded here: embedded use never loads NATS.
      const { startCluster } = await import('../start-cluster.js')
      await startCluster(options, apiKeys, output, interrupt)
      return
    }
    // Who takes over may take the port over, too, as its owner ends.
    if (options.exit !== true && options.takeOver !== true)
      await (await loadGateway()).checkAddress(options)
    if (options.sample === true) await sample(options, output, interrupt)
    if (options.exit === true) return
    const opening = open(options, output)
    // The folder is opened by other threads for the most part: meanwhile this one loads what it will need.
    void loadGateway()
    await serve(await opening, options, apiKeys, output, interrupt)
  } finally {
    interrupt.dispose()
  }
}

/** Options that mean nothing without each other are wrong usage. @throws CommandFailed usage */
function checkTogether(options: StartOptions): void {
  const clustered = options.nats !== undefined
  const { node, processes, replicas, allowUnsafeDurability } = options
  const forCluster = { node, processes, replicas, 'allow-unsafe-durability': allowUnsafeDurability }
  const { threads, takeOver, sample, exit, segmentKib, backups } = options
  const ofFolder = { threads, backups, 'take-over': takeOver, sample, exit }
  const forFolder = { ...ofFolder, 'segment-kib': segmentKib }
  for (const [name, value] of Object.entries(clustered ? forFolder : forCluster)) {
    if (value === undefined) continue
    const hint = clustered
      ? 'is for a data folder; leave --nats away'
      : 'is for a cluster; give --nats'
    throw wrongUsage(`--${name} ${hint}.`)
  }
  if (exit === true && sample !== true)
    throw wrongUsage('With --exit give --sample too: it ends after the summary of the sample.')
  checkWorkerNames(node, processes)
  const { shards = 1 } = options
  if (clustered && shards > clusterShardsMax)
    throw wrongUsage(`--shards: a cluster has at most ${clusterShardsMax} shards.`)
}

/** The nodes of a supervisor are called after it: the longest of their names must be one. @throws CommandFailed usage */
function checkWorkerNames(node: string | undefined, processes = 1): void {
  const lettersMax = nodeNameLettersMax - `-${processes}`.length
  if (node === undefined || processes === 1 || node.length <= lettersMax) return
  throw wrongUsage(
    `--node: with --processes ${processes} the nodes are called NAME-1 to NAME-${processes}, of at most ${nodeNameLettersMax} letters; give a name of at most ${lettersMax}.`,
  )
}

/** The keys to ask for, if any; what is wrong with them is found before anything is opened. */
async function keysFor(options: StartOptions): Promise<ApiKeys> {
  if (options.apiKeys === undefined && options.host === hostDefault) return undefined
  const { isLoopback, readApiKeyFile } = await loadGateway()
  if (options.apiKeys !== undefined) {
    const keys = await readApiKeyFile(options.apiKeys)
    if (keys.length > 0) return keys
    throw new CommandFailed(
      'api_keys_invalid',
      `The file of API keys ${options.apiKeys} holds no key: make one with "suanpan keys new --file ${options.apiKeys}", or leave --api-keys away.`,
    )
  }
  if (isLoopback(options.host)) return undefined
  throw new CommandFailed(
    'api_keys_required',
    `${options.host} can be reached from outside this machine: give --api-keys (see "suanpan keys new"), or listen on 127.0.0.1.`,
    {},
    exitCodes.usage,
  )
}

/** @throws CommandFailed file_unreadable: found now, and not by the first backup */
function checkBackups({ backups }: StartOptions): void {
  if (backups === undefined) return
  if (statSync(backups, { throwIfNoEntry: false })?.isDirectory() === true) return
  const sentence = `There is no folder ${backups} for backups; make it, or mount it, then start again.`
  throw new CommandFailed('file_unreadable', sentence, { file: backups })
}

/** Loaded when it is wanted: the other commands start quicker without. */
function loadGateway() {
  return import('../../../transport/gateway/index.js')
}

async function open(
  options: StartOptions,
  output: Output,
  more: Partial<EmbeddedOptions> = {},
): Promise<Embedded> {
  const onReport = reporter(output)
  const node = await openEmbedded({ ...embeddedOptions(options), ...more, onReport })
  tellRecovery(options.data, node.recovery, output)
  return node
}

function embeddedOptions(options: StartOptions): EmbeddedOptions {
  const { data, threads, shards, timeZone, takeOver, segmentKib, snapshotKib } = options
  return {
    data,
    ...(threads === undefined ? {} : { threads }),
    ...(shards === undefined ? {} : { shards }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(segmentKib === undefined ? {} : { segmentBytes: segmentKib * 1024 }),
    ...(snapshotKib === undefined ? {} : { snapshotJournalBytes: snapshotKib * 1024 }),
    takeOver: takeOver === true,
  }
}

function tellRecovery(data: string, recovery: RecoverySummary, output: Output): void {
  output.result({ event: 'opened', data, ...recovery }, () => recoveryWords(data, recovery))
}

/** What an operator should know while the node runs; snapshots are everyday. */
function reporter(output: Output): (event: string, detail: Record<string, unknown>) => void {
  return (event, detail) => {
    if (event !== 'snapshot') output.tell(event, detail)
  }
}

/** Runs the sample in a runtime of its own. @throws CommandFailed not_conserved */
async function sample(options: StartOptions, output: Output, interrupt: Interrupt): Promise<void> {
  // Loaded here: a node that serves starts quicker without.
  const { showSample } = await import('../sample/show-sample.js')
  const opening = (): Promise<Embedded> => open(options, output, { keysForever: true })
  await showSample(options.data, opening, output, interrupt)
}

async function serve(
  node: Embedded,
  options: StartOptions,
  apiKeys: ApiKeys,
  output: Output,
  interrupt: Interrupt,
): Promise<void> {
  const { runtime, bank, failed } = node
  const { createGateway, runtimeOps } = await loadGateway()
  const auditor = await auditorOf(node, output)
  const gateway = await listen(node, () =>
    createGateway({
      bank,
      ops: runtimeOps(runtime, auditor),
      host: options.host,
      port: options.port,
      ...(apiKeys === undefined ? {} : { apiKeys }),
      ...(options.backups === undefined ? {} : { backupsDir: resolve(options.backups) }),
      onError: (error, { method, url }) => {
        const reason = error instanceof Error ? error.message : String(error)
        const detail = { method, url, reason }
        output.tell('request_failed', detail, `${method} ${url} failed: ${reason}`)
      },
    }),
  )
  auditor.start()
  const url = gateway.address
  output.result({ event: 'listening', url, pid: process.pid }, () =>
    listeningWords(url, options.sample === true, apiKeys !== undefined),
  )
  try {
    const signal = await Promise.race([interrupt.requested, failed])
    output.say(`${signal}: draining …`)
    auditor.stop()
    await Promise.race([gateway.close(), failed])
    await Promise.race([runtime.close(), failed])
    output.result({ event: 'stopped', clean: true }, () => 'Stopped cleanly; all is durable.')
  } catch (error) {
    // The journal takes no more, so there is nothing to drain: say why, and end.
    process.exit(output.failure(error) || exitCodes.failed)
  }
}

/** Audits while payments run, once it is started; what it finds is said to the operator. */
async function auditorOf({ bank }: Embedded, output: Output): Promise<OnlineAuditor> {
  const { OnlineAuditor } = await import('../../../actors/index.js')
  return new OnlineAuditor(() => bank.audit(), { onAlarm: (alarm) => output.alarm(alarm) })
}

/** Starts a gateway; where it can't, the runtime is closed. @throws GatewayConfigError */
async function listen({ runtime }: Embedded, make: () => Gateway): Promise<Gateway> {
  try {
    const gateway = make()
    await gateway.listen()
    return gateway
  } catch (error) {
    await runtime.close()
    throw error
  }
}

function listeningWords(url: string, sampled: boolean, secured: boolean): string {
  const header = secured ? ' -H "Authorization: Bearer $SUANPAN_API_KEY"' : ''
  const tries = sampled
    ? [
        `curl${header} ${url}/v1/accounts/li.wei.beijing`,
        `curl${header} -X POST ${url}/v1/payments -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first' \\`,
        `  -d '{"payer":"li.wei.beijing","payee":"teahouse.beijing","amount":100,"currency":"CNY"}'`,
        `curl${header} ${url}/v1/audit`,
      ]
    : [
        `curl${header} -X POST ${url}/v1/accounts -H 'Content-Type: application/json' -d '{"id":"alice","currency":"CNY"}'`,
        `curl${header} ${url}/v1/accounts/alice`,
        `curl${header} ${url}/v1/audit`,
      ]
  return [
    `Listening on ${url} (API: ${url}/openapi.json). Try:`,
    ...tries.map((line) => `  ${line}`),
    'Stop with Ctrl-C.',
  ].join('\n')
}
