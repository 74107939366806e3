/**
 * `suanpan replay FILE`: card transactions through the whole embedded path, with proof at the end.
 */
import type { Command } from 'commander'
import { openEmbedded, recoveryWords } from '../embedded.js'
import { listenForInterrupt } from '../interrupt.js'
import { latencyLine } from '../latency.js'
import {
  currencyOption,
  dataOption,
  examples,
  jsonOption,
  shardsOption,
  threadsOption,
  whole,
} from '../options.js'
import { bytes, count, counted, Output, pairsTable } from '../output.js'
import { CommandFailed } from '../problem.js'
import { Progress } from '../progress.js'
import { readCardTransactions, type CardTransactions } from '../replay/card-transactions.js'
import { checkTotals, type TotalsCheck } from '../replay/check-totals.js'
import { sumOf, type PumpResult } from '../replay/pump.js'
import { replay, type ReplayListener, type ReplayResult } from '../replay/replay.js'

interface ReplayCommandOptions {
  readonly data: string
  readonly rate?: number
  readonly threads?: number
  readonly shards?: number
  readonly window: number
  readonly currency: string
  readonly limit?: number
  readonly json?: boolean
}

const windowDefault = 8_192
const windowMax = 400_000
const rateMax = 10_000_000

export function addReplay(program: Command): void {
  program
    .command('replay')
    .summary('run a file of card transactions through the whole path')
    .description(
      'Pays every row of a CSV file (plain or gzip; columns transaction_id, time, customer_id, ' +
        'terminal_id, amount_minor, and others): customer c<id> pays merchant t<id>. The ' +
        'transaction id is the idempotency key: running a file again, or going on after a crash, pays ' +
        'nothing twice, and nothing at all where those keys are forgotten. Ends with a proof: every balance equals its rows, and money is conserved.',
    )
    .argument('<file>', 'CSV or CSV.gz')
    .addOption(dataOption())
    .option('--rate <n>', 'payments a second [as fast as answers come]', whole(1, rateMax))
    .addOption(threadsOption())
    .addOption(shardsOption())
    .option('--window <n>', 'payments in flight at most', whole(1, windowMax), windowDefault)
    .option('--currency <code>', 'currency of the amounts', currencyOption, 'EUR')
    .option('--limit <n>', 'pay the first n rows only', whole(1, Number.MAX_SAFE_INTEGER))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'suanpan replay card-transactions.csv.gz',
        'suanpan replay card-transactions.csv.gz --data /tmp/cards --rate 20000',
        'suanpan replay card-transactions.csv.gz --limit 10000 --json',
      ),
    )
    .action(async (file: string, options: ReplayCommandOptions) => {
      await runReplay(file, options, new Output(options.json === true))
    })
}

async function runReplay(
  path: string,
  options: ReplayCommandOptions,
  output: Output,
): Promise<void> {
  const file = await read(path, output)
  const interrupt = listenForInterrupt(output)
  const { runtime, bank, failed, recovery } = await openEmbedded({
    ...options,
    keysForever: true,
  })
  output.note(recoveryWords(options.data, recovery))
  try {
    const rows = Math.min(options.limit ?? file.rows, file.rows)
    const stages = new Stages(output, (stop) => interrupt.onRequest(stop))
    const replaying = replay(
      bank,
      file,
      {
        currency: options.currency,
        window: options.window,
        rate: options.rate ?? 0,
        limit: rows,
      },
      stages,
    )
    const result = await Promise.race([replaying, failed]).finally(() => stages.end())
    refuseIncomplete(result)
    output.note('Checking every balance and the audit …')
    const check = await Promise.race([checkTotals(bank, file, result, rows < file.rows), failed])
    const summary = summaryOf(path, file, result, check)
    output.result(summary, () => summaryWords(summary))
    refuseWrong(summary)
  } finally {
    await runtime.close()
    interrupt.dispose()
  }
}

async function read(path: string, output: Output): Promise<CardTransactions> {
  const progress = new Progress(output, `Reading ${path}`, 'rows', 0)
  try {
    return await readCardTransactions(path, (rows) => progress.update(rows))
  } finally {
    progress.end()
  }
}

const stageTitles = { open: 'Opening accounts', deposit: 'Depositing', pay: 'Paying' } as const
const stageUnits = { open: 'accounts', deposit: 'deposits', pay: 'payments' } as const

/** Shows the stages of a replay, one after the other. */
class Stages implements ReplayListener {
  private readonly output: Output
  private readonly onStop: (stop: () => void) => void
  private progress: Progress | undefined

  constructor(output: Output, onStop: (stop: () => void) => void) {
    this.output = output
    this.onStop = onStop
  }

  stage(name: keyof typeof stageTitles, total: number): (done: number) => void {
    this.end()
    const progress = new Progress(this.output, stageTitles[name], stageUnits[name], total)
    this.progress = progress
    return (done) => progress.update(done)
  }

  running(pump: { stop(): void }): void {
    this.onStop(() => pump.stop())
  }

  end(): void {
    this.progress?.end()
  }
}

/** @throws CommandFailed interrupted, idempotency_conflict, deposits_refused */
function refuseIncomplete({ openings, deposits, payments }: ReplayResult): void {
  if (!openings.complete || !deposits.complete || !payments.complete) {
    const done = payments.settled + payments.replayed
    throw new CommandFailed(
      'interrupted',
      `Stopped after ${counted(done, 'settled payment')}. Run the same command again to go on; nothing is paid twice.`,
      { settled: payments.settled, replayed: payments.replayed },
    )
  }
  const { idempotency_conflict: conflicts = 0, ...others } = deposits.refused
  if (conflicts > 0) {
    throw new CommandFailed(
      'idempotency_conflict',
      `The data folder holds opening deposits of another file for ${counted(conflicts, 'customer')}; use a new data folder.`,
    )
  }
  const [other] = Object.entries(others)
  if (other !== undefined) {
    throw new CommandFailed(
      'deposits_refused',
      `The opening deposits of ${counted(other[1], 'customer')} were refused (${other[0]}), so their rows could not be paid; look for amounts that add up to more than an account can hold.`,
    )
  }
}

type Summary = ReturnType<typeof summaryOf>

function summaryOf(
  path: string,
  file: CardTransactions,
  { payments }: ReplayResult,
  check: TotalsCheck,
) {
  const done = payments.settled + payments.replayed + sumOf(payments.refused)
  return {
    command: 'replay',
    file: path,
    rows: file.rows + file.skipped,
    skipped: file.skipped,
    settled: payments.settled,
    replayed: payments.replayed,
    refused: payments.refused,
    unresolved: payments.unresolved,
    retries: payments.retries,
    changedNothing: payments.settled === 0 && done > 0,
    seconds: payments.seconds,
    perSecond: payments.perSecond,
    latencyMs: payments.latency.summary(),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    customersChecked: check.customersChecked,
    terminalsChecked: check.terminalsChecked,
    findings: check.findings,
    conserved: check.audit.conserved,
    auditFindings: check.audit.findings,
  }
}

function summaryWords(summary: Summary): string {
  const refused = codesLine(summary.refused)
  const lines: (readonly [string, string])[] = [
    ['settled', counted(summary.settled, 'payment')],
    ['replayed', `${counted(summary.replayed, 'payment')} known from before`],
    ['refused', refused],
    ['skipped', `${counted(summary.skipped, 'row')} of amount zero`],
    ['time', `${summary.seconds.toFixed(1)} s, ${count(summary.perSecond)} payments/s`],
    ['latency', latencyLine(summary.latencyMs)],
    ['peak memory', bytes(summary.peakRssBytes)],
    [
      'balances',
      summary.findings.length === 0
        ? `all ${count(summary.customersChecked)} customers and ${count(summary.terminalsChecked)} terminals equal their rows`
        : summary.findings.join('\n'),
    ],
    ['money', summary.conserved ? 'conserved' : summary.auditFindings.join('\n')],
  ]
  if (summary.retries > 0) lines.push(['retries', count(summary.retries)])
  const head = summary.changedNothing
    ? `Replayed ${summary.file}: all payments were known already, nothing was changed.`
    : `Replayed ${summary.file}.`
  return `${head}\n${pairsTable(lines)}`
}

function codesLine(codes: PumpResult['refused']): string {
  const entries = Object.entries(codes).sort(([, a], [, b]) => b - a)
  return entries.length === 0
    ? 'none'
    : entries.map(([code, number]) => `${count(number)} ${code}`).join(', ')
}

/** @throws CommandFailed when the proof did not hold */
function refuseWrong(summary: Summary): void {
  const unresolved = sumOf(summary.unresolved)
  if (unresolved > 0) {
    throw new CommandFailed(
      'payments_unresolved',
      `${counted(unresolved, 'payment')} got no answer (${codesLine(summary.unresolved)}); run the same command again to resolve them.`,
    )
  }
  if (!summary.conserved) {
    throw new CommandFailed('not_conserved', summary.auditFindings[0] ?? 'Money is not conserved.')
  }
  if (summary.findings.length > 0) {
    throw new CommandFailed('totals_differ', summary.findings[0] ?? 'Balances differ.')
  }
}
