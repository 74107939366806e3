/**
 * `suanpan bench`: runs a scenario of the benchmark harness. The harness is loaded by its package name,
 * here and nowhere else, because it stands above the cluster.
 */
import { open, writeFile } from 'node:fs/promises'
import { Argument, InvalidArgumentError, type Command } from 'commander'
import { exitCodes } from '../exit-codes.js'
import { examples, jsonOption, shardsMax, threadsMax, whole } from '../options.js'
import { Output } from '../output.js'
import { CommandFailed, wrongUsage } from '../problem.js'

interface BenchCommandOptions {
  readonly duration?: number
  readonly rate?: number
  readonly accounts?: number
  readonly threads?: number
  readonly shards?: number
  readonly skew?: number
  readonly rounds?: number
  readonly window?: number
  readonly data?: string
  readonly report?: string
  readonly json?: boolean
}

/** As the harness lists them: the help is printed without loading it. */
export const scenarioSummaries: Readonly<Record<string, string>> = {
  limit: 'a hand-written program without actors, keys or recovery: the yardstick',
  embedded: 'closed loop through the public API beside the yardstick, in one run',
  latency: 'open loop at 30 to 300 thousand/s, and the highest rate that holds p99 ≤ 15 ms',
  skew: 'zipf 0 to 1.5, one hot merchant, and one hot payer that funds a part of every payment',
  smallbank: 'the 2-account and 4-account transfers of the actor-transaction papers, 64 at work',
  messages: 'messages of a user-defined actor with objects and strings, asked and sent',
  recovery: 'a full node is killed: time until a fresh process serves',
  memory: 'bytes a resident account takes, at 1 and 10 million',
  snapshot: 'latency while snapshots are written beside latency without',
  http: 'the HTTP API, single and in batches, beside an empty Fastify route',
  journal: 'the file journal alone, by the size of its groups',
  startup: 'from the start of an empty node’s process until it is ready',
  peers: 'the same payment on PostgreSQL and Redis, in one run',
  cluster: '3 nodes on 3 NATS servers with 3 copies, and 1 on 1: what replication costs',
  failover:
    'a node joins one that holds everything, leaves, and the first is killed: silence of shards',
  'scale-out':
    'clusters of 1 to 64 nodes, computed by a model calibrated on 1, 2 and 3 measured ones',
}

export function addBench(program: Command): void {
  program
    .command('bench')
    .summary('measure this machine: rates, latencies, and what is on disk after it')
    .description(
      'Runs a scenario of the benchmark harness, each system in a process of its own, in interleaved ' +
        'rounds; then recovers what is on disk and compares it with what was acknowledged. Exits 1 when ' +
        'anything is lost, duplicated or not conserved. With --json the last line is the result.',
    )
    .addArgument(
      new Argument('<scenario>', 'what to measure, see below').choices(
        Object.keys(scenarioSummaries),
      ),
    )
    .option('--duration <s>', 'seconds of each measured round', whole(1, 86_400))
    .option('--rounds <n>', 'measured rounds of each system', whole(1, 1_000))
    .option('--rate <n>', 'operations per second of an open loop', whole(1, 100_000_000))
    .option('--accounts <n>', 'accounts, and as many merchants', whole(1, 50_000_000))
    .option(
      '--threads <n>',
      'shard threads of the runtime [what suits the scenario]',
      whole(0, threadsMax),
    )
    .option('--shards <n>', 'shards of the runtime or the cluster [64, 16]', whole(1, shardsMax))
    .option('--skew <s>', 'Zipf exponent with which accounts are drawn', exponent)
    .option('--window <n>', 'operations at work at once in a closed loop', whole(1, 65_536))
    .option('--data <dir>', 'folder below which each system gets its own [the system’s temporary]')
    .option('--report <file>', 'write a report with plots, one HTML file')
    .addOption(jsonOption())
    .addHelpText('after', `\nScenarios:\n${scenarioLines()}\n`)
    .addHelpText(
      'after',
      examples(
        'suanpan bench embedded',
        'suanpan bench latency --rate 120000 --duration 30 --report latency.html',
        'suanpan bench skew --skew 1.25 --rounds 5 --json',
      ),
    )
    .action(async (scenario: string, options: BenchCommandOptions) => {
      await runBenchCommand(scenario, options, new Output(options.json === true))
    })
}

function scenarioLines(): string {
  return Object.entries(scenarioSummaries)
    .map(([name, summary]) => `  ${name.padEnd(10)} ${summary}`)
    .join('\n')
}

function exponent(value: string): number {
  const number = /^\d(\.\d{1,4})?$/.test(value) ? Number(value) : Number.NaN
  if (number <= 5) return number
  throw new InvalidArgumentError('It must be a number from 0 to 5.')
}

/** That of a terminal that is closed among them. */
const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function runBenchCommand(
  scenario: string,
  options: BenchCommandOptions,
  output: Output,
): Promise<void> {
  const bench = await import('suanpan/bench')
  const { report, json: _json, ...asked } = options
  // What a scenario left in its folder goes on the way out (see run-bench.ts).
  const interrupt = (): void => process.exit(exitCodes.failed)
  for (const signal of interrupts) process.once(signal, interrupt)
  try {
    // A run may take an hour: what can't be written is told before it.
    if (report !== undefined) await (await open(report, 'a')).close()
    const result = await bench.runBench(scenario, {
      ...asked,
      onProgress: (sentence) => {
        output.note(`  ${sentence} …`)
      },
    })
    try {
      if (report !== undefined) {
        await writeFile(report, bench.htmlReport(result))
        output.note(`Report: ${report}`)
      }
    } finally {
      output.result(result, () => bench.textReport(result))
    }
    refuseLoss(result)
  } catch (error) {
    if (error instanceof bench.BenchUsage) throw wrongUsage(error.message)
    if (error instanceof bench.BenchFailed) throw new CommandFailed('bench_failed', error.message)
    throw withCode(error)
  } finally {
    for (const signal of interrupts) process.off(signal, interrupt)
  }
}

/** The harness has classes of its own where this file is bundled: an error of ours is known by its code there. */
function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || 'syscall' in error) return error
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? new CommandFailed(code, error.message) : error
}

function refuseLoss(result: {
  readonly conserved: boolean | null
  readonly lost: number | null
  readonly duplicated: number | null
}): void {
  const { conserved, lost, duplicated } = result
  if (conserved !== false && (lost ?? 0) === 0 && (duplicated ?? 0) === 0) return
  throw new CommandFailed(
    'not_conserved',
    `After the run ${String(lost)} acknowledged payments were lost and ${String(duplicated)} had run twice; money is ${conserved === true ? '' : 'not '}conserved.`,
  )
}
