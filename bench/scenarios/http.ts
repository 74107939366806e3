/** `http`: the HTTP API with a real load generator, single and in batches, beside an empty Fastify route. */
import { join } from 'node:path'
import { recoverAndCheck, type Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess } from '../harness/measured-process.js'
import type { MeterReading } from '../harness/meter.js'
import { beside, measureRows, type Lane } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import type { HttpRound } from '../programs/http-load.js'
import { shards } from './suanpan.js'

const linesPerBatch = 1_000
const batchConnections = 4

async function run(plan: Plan): Promise<Outcome> {
  const node = new MeasuredProcess('node', 'programs/http-node')
  const empty = new MeasuredProcess('empty route', 'programs/http-empty')
  const load = new MeasuredProcess('generator', 'programs/http-load')
  try {
    return await measure(plan, node, empty, load)
  } finally {
    await Promise.all([node.kill(), empty.kill(), load.kill()])
  }
}

async function measure(
  plan: Plan,
  node: MeasuredProcess,
  empty: MeasuredProcess,
  load: MeasuredProcess,
): Promise<Outcome> {
  const { accounts, threads } = plan
  const dataDir = join(plan.folder, 'http')
  const acknowledged = join(plan.folder, 'http.acknowledged')
  const chosen = threads === undefined ? {} : { threads }
  plan.say(`opening ${accounts} accounts and as many merchants`)
  await load.order('open', accounts)
  const setup = { dataDir, accounts, shards, ...chosen }
  const opened = await node.order<{ url: string; threads: number }>('open', setup)
  const { url: emptyUrl } = await empty.order<{ url: string }>('open')
  const single = { connections: plan.window, lines: 0 }
  const lanes = [
    lane('empty route', empty, load, { ...single, url: emptyUrl, counted: false }),
    lane('single', node, load, { ...single, url: opened.url, counted: true }),
    lane('batch', node, load, {
      connections: batchConnections,
      lines: linesPerBatch,
      url: opened.url,
      counted: true,
    }),
  ]
  const [bare, one, batch] = await measureRows(lanes, plan, 'payments')
  await load.order('save', acknowledged)
  plan.say('closing, recovering from disk and comparing')
  await node.order('close')
  const checked = await recoverAndCheck({ dataDir, accounts, acknowledged, ...chosen })
  return outcomeOf([bare!, beside(one!, bare!), batch!], checked.integrity, plan, opened.threads)
}

function outcomeOf(
  rows: readonly [Outcome['headline'], Outcome['headline'], Outcome['headline']],
  integrity: Integrity,
  plan: Plan,
  threads: number,
): Outcome {
  return {
    headline: rows[1],
    rows,
    data: { ratioToEmptyRoute: rows[1].ratio?.value, batchPerSecond: rows[2].perSecond },
    remarks: [
      `autocannon with ${plan.window} connections in a process of its own, without pipelining; batches of ${linesPerBatch} lines on ${batchConnections} connections, whose latency is that of the whole batch.`,
    ],
    integrity,
    durability: syncedDurability,
    threads,
  }
}

/** Loads a server; what is metered is the server, not the generator. */
function lane(
  name: string,
  server: MeasuredProcess,
  load: MeasuredProcess,
  options: Omit<HttpRound, 'seconds'>,
): Lane {
  return {
    name,
    async round(seconds) {
      await server.order('startMeter')
      const measured = await load.order<Measured>('round', { ...options, seconds })
      return { ...measured, meter: await server.order<MeterReading>('stopMeter') }
    },
  }
}

export const http: Scenario = {
  name: 'http',
  summary: 'the HTTP API, single and in batches, beside an empty Fastify route',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'window'],
  defaults: { seconds: 5, rounds: 3, accounts: 10_000, window: 100 },
  run,
}
