/** A result as text for people. */
import type { BenchResult } from '../harness/run-bench.js'
import { rateTable, usageTable, verdictOf, type Table } from './tables.js'

export function textReport(result: BenchResult): string {
  return [
    heading(result),
    aligned(rateTable(result)),
    aligned(usageTable(result.rows)),
    figures(result),
    verdictOf(result)?.words ?? '',
    result.remarks.map((remark) => `Note: ${remark}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function heading(result: BenchResult): string {
  const { scenario, machine, settings, durationSeconds, durability } = result
  const { cpu, cores, node, system, fileSystem } = machine
  const { rounds, secondsPerRound, warmUpSeconds } = settings
  const plan =
    secondsPerRound === 0
      ? ''
      : `${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${secondsPerRound} s each after a warm-up of ${warmUpSeconds} s; `
  return [
    `${scenario}: ${plan}${durationSeconds.toFixed(0)} s in all`,
    `${cpu}, ${cores} cores, ${system}, ${fileSystem}, Node ${node.slice(1)}; generator included; durability: ${durability}`,
  ].join('\n')
}

function figures({ figures: list }: BenchResult): string {
  const width = Math.max(0, ...list.map(([what]) => what.length))
  return list.map(([what, value]) => `  ${what.padEnd(width)}  ${value}`).join('\n')
}

/** Numbers to the right, words (the first column, and remarks) to the left. */
function aligned(table: Table | undefined): string {
  if (table === undefined) return ''
  const { header, rows } = table
  const all = [header, ...rows]
  const widths = header.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const words = new Set(header.flatMap((title, i) => (title.trim() === '' ? [i] : [])))
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
