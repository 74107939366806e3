/** What operators and monitoring ask: audit, quarantine, health, metrics, the OpenAPI document. */
import { operation, type Operation } from '../operation.js'
import { GatewayRefusal } from '../problem/problem.js'
import { isoTime } from '../request/moment.js'
import {
  auditSchema,
  backupSchema,
  healthSchema,
  quarantineSchema,
  releasedSchema,
} from '../schemas/answers.js'
import { backupBody, releaseBody, type BackupBody } from '../schemas/requests.js'
import { auditExample, backupExample, quarantineExample } from './examples.js'
import { auditJson } from './views.js'

const drainingWords = 'The gateway is closing; ask another one.'

const audit = operation({
  method: 'GET',
  path: '/v1/audit',
  id: 'audit',
  tag: 'Operations',
  summary: 'Whether money is conserved',
  description: 'Compares both sides of every pair of shards and recomputes counters from entries.',
  access: 'read',
  answer: {
    status: 200,
    description: 'The sums, what is in flight, and what is wrong.',
    schema: auditSchema,
    component: 'Audit',
    example: auditExample,
  },
  codes: [],
  async handle(_request, _reply, { bank }) {
    return auditJson(await bank.audit())
  },
})

const quarantine = operation({
  method: 'GET',
  path: '/v1/quarantine',
  id: 'getQuarantine',
  tag: 'Operations',
  summary: 'Actors set aside because they failed again and again',
  access: 'operator',
  answer: {
    status: 200,
    description: 'The quarantined actors.',
    schema: quarantineSchema,
    component: 'Quarantine',
    example: quarantineExample,
  },
  codes: [],
  async handle(_request, _reply, { ops }) {
    const actors = await ops.quarantined()
    return { actors: actors.map((actor) => ({ ...actor, since: isoTime(actor.since) })) }
  },
})

const release = operation<{ Body: { address: string } }>({
  method: 'POST',
  path: '/v1/quarantine/release',
  id: 'releaseFromQuarantine',
  tag: 'Operations',
  summary: 'Lets a quarantined actor work again',
  access: 'operator',
  body: { schema: releaseBody, component: 'Release', example: { address: 'account/alice' } },
  answer: {
    status: 200,
    description: 'The actor works again; what was parked for it is handled first.',
    schema: releasedSchema,
    component: 'Released',
    example: { address: 'account/alice', released: true },
  },
  codes: ['not_found'],
  async handle(request, _reply, { ops }) {
    const { address } = request.body
    const actors = await ops.quarantined()
    if (!actors.some((actor) => actor.address === address)) {
      throw new GatewayRefusal(
        'not_found',
        'No actor with this address is quarantined; the list of the quarantine has those that are.',
      )
    }
    await ops.release(address)
    return { address, released: true }
  },
})

const backup = operation<{ Body: BackupBody }>({
  method: 'POST',
  path: '/v1/backup',
  id: 'makeBackup',
  tag: 'Operations',
  summary: 'Makes a backup of the data folder while it serves',
  description:
    'Copies all that is durable at one moment into a new folder of the machine of the node; payments go on. ' +
    'Answers when it is done, or after some seconds how far it is: ask again with the same target. ' +
    'A node with API keys makes backups only in the folder that it was started with for them (--backups). ' +
    'A cluster is backed up by the means of NATS.',
  access: 'operator',
  body: { schema: backupBody, component: 'BackupOrder', example: { target: '/backups/monday' } },
  answer: {
    status: 200,
    description: 'How the backup stands.',
    schema: backupSchema,
    component: 'Backup',
    example: backupExample,
  },
  codes: [
    'backup_running',
    'backup_target_taken',
    'backup_target_invalid',
    'backup_no_space',
    'backup_stalled',
    'backup_failed',
    'backup_unsupported',
  ],
  handle: (request, _reply, { backups }) => backups.ask(request.body.target),
})

const healthz = operation({
  method: 'GET',
  path: '/healthz',
  id: 'healthz',
  tag: 'Operations',
  summary: 'Whether the process lives',
  access: 'open',
  answer: {
    status: 200,
    description: 'It lives.',
    schema: healthSchema('live'),
    component: 'Live',
    example: { status: 'live' },
  },
  codes: [],
  handle: () => ({ status: 'live' }),
})

const readyz = operation({
  method: 'GET',
  path: '/readyz',
  id: 'readyz',
  tag: 'Operations',
  summary: 'Whether requests are served',
  access: 'open',
  answer: {
    status: 200,
    description: 'Every owned shard is recovered and serves.',
    schema: healthSchema('ready'),
    component: 'Ready',
    example: { status: 'ready' },
  },
  codes: [],
  async handle(_request, _reply, context) {
    const ready = context.draining ? drainingWords : await context.ops.ready()
    if (ready !== true) throw new GatewayRefusal('not_ready', ready)
    return { status: 'ready' }
  },
})

const metrics = operation({
  method: 'GET',
  path: '/metrics',
  id: 'metrics',
  tag: 'Operations',
  summary: 'Numbers for Prometheus',
  access: 'read',
  answer: {
    status: 200,
    description: 'Prometheus text, format 0.0.4.',
    schema: { type: 'string' },
    component: 'Metrics',
    example: 'suanpan_http_batch_lines{result="done"} 0\n',
    contentType: 'text/plain',
  },
  codes: [],
  async handle(_request, reply, context) {
    const text = await context.metrics.text()
    reply.header('content-type', context.metrics.contentType)
    return text
  },
})

const openapi = operation({
  method: 'GET',
  path: '/openapi.json',
  id: 'getOpenApi',
  tag: 'Operations',
  summary: 'This document',
  access: 'open',
  answer: {
    status: 200,
    description: 'The OpenAPI 3.1 document of this server.',
    schema: { type: 'object' },
    component: 'Document',
    example: {},
  },
  codes: [],
  handle(_request, reply, context) {
    reply.header('content-type', 'application/json; charset=utf-8')
    return context.openapi
  },
})

export const operatorOperations: readonly Operation[] = [
  audit,
  quarantine,
  release,
  backup,
  healthz,
  readyz,
  metrics,
  openapi,
]
