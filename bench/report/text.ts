/** A result as text for people: the rates, what they cost, and what was found on disk. */
import type { Row } from '../harness/rounds.js'
import type { BenchResult } from '../harness/run-bench.js'
import { bytes, count, ratioWords, short } from './words.js'

export function textReport(result: BenchResult): string {
  return [
    heading(result),
    table(
      rateHeader(result),
      result.rows.map((row) => rateCells(row, result)),
    ),
    ...usageTable(result.rows),
    figures(result),
    verdict(result),
    ...result.remarks.map((remark) => `Note: ${remark}`),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function heading({
  scenario,
  machine,
  settings,
  durationSeconds,
  durability,
}: BenchResult): string {
  const { cpu, cores, node, system, fileSystem } = machine
  return [
    `${scenario}: ${settings.rounds} rounds of ${settings.secondsPerRound} s each after a warm-up of ${settings.warmUpSeconds} s; ${durationSeconds.toFixed(0)} s in all`,
    `${cpu}, ${cores} cores, ${system}, ${fileSystem}, Node ${node.slice(1)}; generator included; durability: ${durability}`,
  ].join('\n')
}

function rateHeader({ rows }: BenchResult): string[] {
  const open = rows.some((row) => row.offeredPerSecond !== undefined)
  const ratio = rows.some((row) => row.ratio !== undefined)
  return [
    '',
    ...(open ? ['offered/s'] : []),
    'per second',
    'min … max',
    'p50 ms',
    'p90',
    'p99',
    'p99.9',
    'max',
    ...(ratio ? ['ratio'] : []),
    '',
  ]
}

function rateCells(row: Row, { rows }: BenchResult): string[] {
  const { latencyMs, spread } = row
  const open = rows.some((one) => one.offeredPerSecond !== undefined)
  const ratio = rows.some((one) => one.ratio !== undefined)
  const measured = row.completed > 0
  const ms = (value: number): string => (measured ? short(value) : '')
  return [
    row.name,
    ...(open ? [row.offeredPerSecond === undefined ? '' : count(row.offeredPerSecond)] : []),
    measured ? count(row.perSecond) : '',
    measured ? `${count(spread.min)} … ${count(spread.max)}` : '',
    ms(latencyMs.p50),
    ms(latencyMs.p90),
    ms(latencyMs.p99),
    ms(latencyMs.p999),
    ms(latencyMs.max),
    ...(ratio ? [ratioWords(row.ratio)] : []),
    [row.valid ? '' : 'INVALID:', row.remark ?? ''].join(' ').trim(),
  ]
}

/** What each measured process used; nothing where no process of ours was measured. */
function usageTable(rows: readonly Row[]): string[] {
  const used = rows.filter((row) => row.usage !== undefined)
  if (used.length === 0) return []
  const header = [
    '',
    'CPU user s',
    'sys s',
    'µs each',
    'GC',
    'GC ms',
    'GC max',
    'loop busy',
    'loop p99 ms',
    'syncs',
    'sync p50 ms',
    'sync p99',
    'each sync',
    'bytes p50',
    'peak RSS',
  ]
  const cells = used.map(({ name, usage }) => [
    name,
    usage!.cpuUserSeconds.toFixed(1),
    usage!.cpuSystemSeconds.toFixed(1),
    short(usage!.cpuMicrosEach),
    count(usage!.gc.count),
    short(usage!.gc.totalMs),
    short(usage!.gc.maxMs),
    `${(usage!.loop.utilization * 100).toFixed(0)} %`,
    short(usage!.loop.delayP99Ms),
    count(usage!.syncs),
    short(usage!.syncMs.p50),
    short(usage!.syncMs.p99),
    usage!.syncs === 0 ? '' : short(usage!.group.operations),
    usage!.syncs === 0 ? '' : bytes(usage!.group.bytesP50),
    bytes(usage!.rssBytes),
  ])
  return [table(header, cells)]
}

function figures({ figures: list }: BenchResult): string {
  const width = Math.max(0, ...list.map(([what]) => what.length))
  return list.map(([what, value]) => `  ${what.padEnd(width)}  ${value}`).join('\n')
}

function verdict(result: BenchResult): string {
  const { conserved, lost, duplicated, acknowledged, found, findings } = result
  if (conserved === null) return ''
  const words =
    conserved && lost === 0 && duplicated === 0
      ? 'money conserved, nothing lost, nothing duplicated'
      : `${conserved ? 'money conserved' : 'MONEY NOT CONSERVED'}, ${count(lost ?? 0)} LOST, ${count(duplicated ?? 0)} DUPLICATED`
  const counts = `${count(acknowledged ?? 0)} acknowledged, ${count(found ?? 0)} found on disk`
  return [`Recovered from disk: ${words} (${counts}).`, ...findings].join('\n  ')
}

/** Columns of numbers to the right, words to the left. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const words = new Set([0, header.length - 1].filter((i) => header[i] === ''))
  return all
    .map((row) =>
      row
        .map((cell, i) => (words.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}
