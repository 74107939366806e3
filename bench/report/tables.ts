/** What both reports show: the table of rates, the table of what they cost, the verdict on the disk. */
import type { Row } from '../harness/rounds.js'
import type { BenchResult } from '../harness/run-bench.js'
import { bytes, count, ratioWords, short } from './words.js'

export interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A column, left out when every row leaves it empty. */
interface Column {
  readonly title: string
  readonly cell: (row: Row) => string
}

function whenMeasured(cell: (row: Row) => string): (row: Row) => string {
  return (row) => (row.completed > 0 ? cell(row) : '')
}

const rateColumns: readonly Column[] = [
  { title: '', cell: (row) => row.name },
  {
    title: 'offered/s',
    cell: ({ offeredPerSecond }) => (offeredPerSecond === undefined ? '' : count(offeredPerSecond)),
  },
  { title: 'per second', cell: whenMeasured((row) => short(row.perSecond)) },
  {
    title: 'min … max',
    cell: whenMeasured(({ spread }) =>
      spread.rounds < 2 ? '' : `${short(spread.min)} … ${short(spread.max)}`,
    ),
  },
  { title: 'p50 ms', cell: whenMeasured((row) => short(row.latencyMs.p50)) },
  { title: 'p90', cell: whenMeasured((row) => short(row.latencyMs.p90)) },
  { title: 'p99', cell: whenMeasured((row) => short(row.latencyMs.p99)) },
  { title: 'p99.9', cell: whenMeasured((row) => short(row.latencyMs.p999)) },
  { title: 'max', cell: whenMeasured((row) => short(row.latencyMs.max)) },
  { title: 'ratio', cell: (row) => ratioWords(row.ratio) },
  {
    title: ' ',
    cell: (row) => [row.valid ? '' : 'INVALID:', row.remark ?? ''].join(' ').trim(),
  },
]

const usageColumns: readonly Column[] = [
  { title: '', cell: (row) => row.name },
  { title: 'CPU user s', cell: ({ usage }) => usage!.cpuUserSeconds.toFixed(1) },
  { title: 'sys s', cell: ({ usage }) => usage!.cpuSystemSeconds.toFixed(1) },
  { title: 'µs each', cell: ({ usage }) => short(usage!.cpuMicrosEach) },
  { title: 'GCs', cell: ({ usage }) => count(usage!.gc.count) },
  { title: 'GC ms', cell: ({ usage }) => short(usage!.gc.totalMs) },
  { title: 'GC max', cell: ({ usage }) => short(usage!.gc.maxMs) },
  { title: 'loop busy', cell: ({ usage }) => `${(usage!.loop.utilization * 100).toFixed(0)} %` },
  { title: 'loop p99 ms', cell: ({ usage }) => short(usage!.loop.delayP99Ms) },
  { title: 'syncs', cell: ({ usage }) => count(usage!.syncs) },
  { title: 'sync p50 ms', cell: whenSynced((usage) => short(usage.syncMs.p50)) },
  { title: 'sync p99', cell: whenSynced((usage) => short(usage.syncMs.p99)) },
  { title: 'ops a sync', cell: whenSynced((usage) => short(usage.group.operations)) },
  { title: 'bytes p50', cell: whenSynced((usage) => bytes(usage.group.bytesP50)) },
  { title: 'peak RSS', cell: ({ usage }) => bytes(usage!.rssBytes) },
]

function whenSynced(cell: (usage: NonNullable<Row['usage']>) => string): (row: Row) => string {
  return ({ usage }) => (usage === undefined || usage.syncs === 0 ? '' : cell(usage))
}

function tableOf(columns: readonly Column[], rows: readonly Row[]): Table {
  const filled = columns.filter(({ cell }) => rows.some((row) => cell(row) !== ''))
  return {
    header: filled.map(({ title }) => title),
    rows: rows.map((row) => filled.map(({ cell }) => cell(row))),
  }
}

export function rateTable({ rows }: BenchResult): Table {
  return tableOf(rateColumns, rows)
}

/** What each measured process used; undefined where none of ours was measured. */
export function usageTable(rows: readonly Row[]): Table | undefined {
  const used = rows.filter((row) => row.usage !== undefined)
  return used.length === 0 ? undefined : tableOf(usageColumns, used)
}

/** What was found on disk, in words; undefined where nothing could be compared. */
export function verdictOf(result: BenchResult): { words: string; good: boolean } | undefined {
  const { conserved, lost, duplicated, findings } = result
  if (conserved === null || lost === null || duplicated === null) return undefined
  const good = conserved && lost === 0 && duplicated === 0
  const words = good
    ? 'money conserved, nothing lost, nothing duplicated'
    : `${conserved ? 'money conserved' : 'MONEY NOT CONSERVED'}, ${count(lost)} LOST, ${count(duplicated)} DUPLICATED`
  const { acknowledged, unanswered, found } = result
  const open = unanswered === 0 ? '' : `, ${count(unanswered)} unanswered when time was up`
  const counts = `${count(acknowledged ?? 0)} acknowledged${open}, ${count(found ?? 0)} found`
  return { words: [`Recovered from disk: ${words} (${counts}).`, ...findings].join(' '), good }
}
