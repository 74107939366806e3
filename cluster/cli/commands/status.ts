/** `suanpan status`: how a running node is, from its HTTP API alone; with `--nats`, a whole cluster. */
import type { Command } from 'commander'
import type { AuditView } from '../../../actors/index.js'
import { parseMetrics, sumOfMetric } from '../http/metrics.js'
import { NodeClient } from '../http/node-client.js'
import { auditRows } from '../http/show.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, withNode, type NodeOptions } from '../options.js'
import { bytes, count, Output, pairsTable } from '../output.js'
import { CommandFailed, problemOf } from '../problem.js'
import { runClusterStatus } from './cluster-status.js'

export function addStatus(program: Command): void {
  const command = withNode(
    program
      .command('status')
      .summary('health, readiness, audit and load of a running node or cluster')
      .description(
        'Asks a running node how it is: alive, ready, money conserved, shards and requests.\n' +
          'With --nats it asks a whole cluster: nodes, coordinator, shards and what they hold.\n' +
          'Exits 1 when it is not ready or money is not conserved.',
      ),
  )
  withNats(command, false)
    .addHelpText(
      'after',
      examples(
        'suanpan status',
        'suanpan status --url http://10.0.0.7:7400 --json',
        'suanpan status --nats nats://10.0.0.7:4222',
      ),
    )
    .action(async (options: NodeOptions & NatsWords) => {
      const output = new Output(options.json === true)
      // Whoever names a node means that one, whatever the environment says.
      const aNode = options.nats === undefined || command.getOptionValueSource('url') === 'cli'
      if (aNode) await runStatus(options, output)
      else await runClusterStatus(options, output)
    })
}

/** ms until a node that takes connections counts as silent, and until an audit is done without. */
const answerMs = 5_000
const auditMs = 15_000

type Status = Awaited<ReturnType<typeof statusOf>>

async function runStatus(options: NodeOptions, output: Output): Promise<void> {
  const status = await statusOf(new NodeClient(options))
  output.result(status, () => statusWords(status))
  if (!status.ready) throw new CommandFailed('not_ready', status.notReady ?? 'It is not ready.')
  if (status.notAudited !== undefined) throw new CommandFailed('not_ready', status.notAudited)
  if (status.audit?.conserved === false) {
    throw new CommandFailed('not_conserved', status.audit.findings[0] ?? 'Money is not conserved.')
  }
}

async function statusOf(client: NodeClient) {
  const ask = { method: 'GET', timeoutMs: answerMs } as const
  await client.ask({ ...ask, path: '/healthz' })
  const readiness = await client.ask<{ readonly detail?: string }>({
    ...ask,
    path: '/readyz',
    accept: [503],
  })
  const ready = readiness.status === 200
  const metrics = parseMetrics(await client.text('/metrics', answerMs))
  const leftOut = leftOutIn(metrics)
  const { audit, notAudited } = ready ? await auditOf(client, leftOut) : {}
  const sum = (name: string): number => sumOfMetric(metrics, name)
  return {
    url: client.url,
    live: true,
    ready,
    ...(ready ? {} : { notReady: readiness.body.detail }),
    shards: metrics.filter(({ name }) => name === 'suanpan_shard_ordinal').length,
    ...(leftOut.length === 0 ? {} : { shardsLeftOut: leftOut }),
    ordinals: sum('suanpan_shard_ordinal'),
    actors: sum('suanpan_shard_actors') + sum('suanpan_shard_stored_actors'),
    idempotencyKeys: sum('suanpan_shard_idempotency_keys'),
    outboxMessages: sum('suanpan_shard_outbox_messages'),
    mailboxMessages: sum('suanpan_shard_mailbox_messages'),
    httpRequests: sum('suanpan_http_request_duration_seconds_count'),
    residentBytes: sum('process_resident_memory_bytes'),
    uptimeSeconds: uptime(sum('process_start_time_seconds')),
    ...(audit === undefined ? {} : { audit }),
    ...(notAudited === undefined ? {} : { notAudited }),
  }
}

/** Shards that the metrics say nothing else of. */
function leftOutIn(metrics: ReturnType<typeof parseMetrics>): number[] {
  return metrics
    .filter(({ name, value }) => name === 'suanpan_shard_left_out' && value === 1)
    .map(({ labels }) => Number(/shard="(\d+)"/.exec(labels)?.[1]))
}

/** An audit asks all shards: while one can't answer there is none, and everything else is told all the same. */
async function auditOf(
  client: NodeClient,
  leftOut: readonly number[],
): Promise<{ readonly audit?: AuditJson; readonly notAudited?: string }> {
  if (leftOut.length > 0) {
    const shards = `${leftOut.length === 1 ? 'shard' : 'shards'} ${leftOut.join(', ')}`
    return { notAudited: `Not audited: the storage of ${shards} takes nothing.` }
  }
  try {
    const question = { method: 'GET', path: '/v1/audit', timeoutMs: auditMs } as const
    return { audit: (await client.ask<AuditJson>(question)).body }
  } catch (error) {
    const { code, sentence } = problemOf(error)
    if (code !== 'node_unreachable' && code !== 'not_ready') throw error
    return { notAudited: `Not audited: ${sentence}` }
  }
}

type AuditJson = Omit<AuditView, 'checkedAt'> & { readonly checkedAt: string }

function uptime(startedAt: number): number {
  return startedAt === 0 ? 0 : Math.max(0, Math.round(Date.now() / 1000 - startedAt))
}

function statusWords(status: Status): string {
  const { audit } = status
  const rows: (readonly [string, string])[] = [
    ['ready', status.ready ? 'yes' : `no: ${status.notReady ?? 'it did not say why'}`],
    ['up for', `${count(status.uptimeSeconds)} s, ${bytes(status.residentBytes)} resident`],
    ['shards', `${count(status.shards)}, ${count(status.ordinals)} ordinals`],
    ...(status.shardsLeftOut === undefined
      ? []
      : [
          [
            'left out',
            `shards ${status.shardsLeftOut.join(', ')}: their storage takes nothing`,
          ] as const,
        ]),
    ['actors', `${count(status.actors)}, ${count(status.idempotencyKeys)} idempotency keys`],
    [
      'waiting',
      `${count(status.mailboxMessages)} in mailboxes, ${count(status.outboxMessages)} in outboxes`,
    ],
    ['requests', `${count(status.httpRequests)} over HTTP since the start`],
    ...(audit === undefined ? [] : auditRows(audit)),
    ...(status.notAudited === undefined ? [] : [['audit', status.notAudited] as const]),
  ]
  return `${status.url}\n${pairsTable(rows)}`
}
