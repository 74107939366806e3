/** A result as one HTML file: tables and plots, nothing loaded from elsewhere, light and dark. */
import { valueOf } from '../harness/buckets.js'
import type { Row } from '../harness/rounds.js'
import type { BenchResult } from '../harness/run-bench.js'
import { barPlot, escape, linearAxis, linePlot, logAxis, type Axis } from './plot.js'
import { rateTable, usageTable, verdictOf, type Table } from './tables.js'
import { bytes, count, short } from './words.js'

export function htmlReport(result: BenchResult): string {
  const { scenario, machine, settings, durability, startedAt } = result
  const rows = result.rows.filter((row) => row.completed > 0)
  const round =
    settings.secondsPerRound === 0
      ? ''
      : `${settings.rounds} interleaved rounds of ${settings.secondsPerRound} s after a warm-up of ${settings.warmUpSeconds} s · `
  const verdict = verdictOf(result)
  const parts = [
    `<h1>suanpan bench <b>${escape(scenario)}</b></h1>`,
    `<p class="facts">${escape(`${round}durability: ${durability} · generator included`)}<br>${escape(`${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memoryBytes)} · ${machine.system} · ${machine.fileSystem} · Node ${machine.node.slice(1)} · ${startedAt}`)}</p>`,
    verdict === undefined
      ? ''
      : `<p class="verdict ${verdict.good ? 'good' : 'bad'}">${escape(verdict.words)}</p>`,
    figureList(result),
    tableOf(rateTable(result)),
    ...plots(rows),
    tableOf(usageTable(result.rows)),
    ...result.remarks.map((remark) => `<p class="remark">${escape(remark)}</p>`),
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>suanpan bench ${escape(scenario)}</title><style>${style}</style></head>
<body><main>${parts.join('\n')}</main></body></html>
`
}

function plots(rows: readonly Row[]): string[] {
  if (rows.length === 0) return []
  const drawn = [ratePlot(rows)]
  const offered = rows.filter((row) => row.offeredPerSecond !== undefined)
  if (new Set(offered.map((row) => row.offeredPerSecond)).size > 1) drawn.push(latencyPlot(offered))
  const timed = rows.filter((row) => row.percentiles.length > 2)
  if (timed.length > 0) drawn.push(percentilePlot(timed))
  const synced = rows.filter((row) => (row.usage?.syncs ?? 0) > 0)
  if (synced.length > 0) drawn.push(groupPlot(synced))
  return drawn
}

function ratePlot(rows: readonly Row[]): string {
  return barPlot(
    `${rows[0]?.unit ?? ''} per second: median of the rounds, and their spread`,
    rows.map((row) => ({
      name: row.name,
      value: row.perSecond,
      min: row.spread.min,
      max: row.spread.max,
      words: `${short(row.perSecond)}${row.valid ? '' : ' (invalid)'}`,
    })),
  )
}

/** Percentiles over the offered rate; where a round was invalid the point stands and the table says why. */
function latencyPlot(rows: readonly Row[]): string {
  const sorted = [...rows].sort((a, b) => a.offeredPerSecond! - b.offeredPerSecond!)
  const of = (name: string, pick: (row: Row) => number) => ({
    name,
    points: sorted.map((row) => [row.offeredPerSecond!, pick(row)] as const),
  })
  const lines = [
    of('p50', (row) => row.latencyMs.p50),
    of('p99', (row) => row.latencyMs.p99),
    of('p99.9', (row) => row.latencyMs.p999),
  ]
  const x = linearAxis(
    'offered per second',
    sorted.map((row) => row.offeredPerSecond!),
  )
  const y = logAxis(
    'ms from the intended moment',
    lines.flatMap(({ points }) => points.map(([, ms]) => ms)),
  )
  return linePlot('latency over the offered rate', x, y, lines)
}

/** 1 in so many: p90 is 1 in 10, p99 1 in 100. */
function percentileAxis(most: number): Axis {
  const all = [
    [1, 'min'],
    [2, 'p50'],
    [10, 'p90'],
    [100, 'p99'],
    [1_000, 'p99.9'],
    [10_000, 'p99.99'],
    [100_000, 'p99.999'],
  ] as const
  const ticks = all.filter(([value]) => value <= most * 1.01)
  return { label: 'percentile', log: true, min: 1, max: Math.max(10, most), ticks }
}

function percentilePlot(rows: readonly Row[]): string {
  const lines = rows.map((row) => ({
    name: row.name,
    points: row.percentiles.map(([p, ms]) => [100 / (100 - p), ms] as const),
  }))
  const points = lines.flatMap((line) => line.points)
  const x = percentileAxis(Math.max(...points.map(([one]) => one)))
  return linePlot(
    'latency by percentile',
    x,
    logAxis(
      'ms',
      points.map(([, ms]) => ms),
    ),
    lines,
  )
}

/** How many bytes shared a sync. */
function groupPlot(rows: readonly Row[]): string {
  const lines = rows.map(({ name, usage }) => {
    const { groupBytes, syncs } = usage!
    const doublings = new Map<number, number>()
    groupBytes.forEach((number, bucket) => {
      if (number === 0) return
      const doubling = 2 ** Math.floor(Math.log2(valueOf(bucket)))
      doublings.set(doubling, (doublings.get(doubling) ?? 0) + number)
    })
    const points = [...doublings].sort((a, b) => a[0] - b[0])
    return { name, points: points.map(([size, number]) => [size, (100 * number) / syncs] as const) }
  })
  const sizes = lines.flatMap(({ points }) => points.map(([size]) => size))
  const min = Math.max(1, Math.min(...sizes) / 2)
  const max = Math.max(...sizes) * 2
  const ticks: [number, string][] = []
  for (let size = 1; size <= max; size *= 4) if (size >= min) ticks.push([size, bytes(size)])
  const x: Axis = { label: 'bytes written between two syncs', log: true, min, max, ticks }
  const y = linearAxis(
    '% of syncs',
    lines.flatMap(({ points }) => points.map(([, share]) => share)),
  )
  return linePlot('what a sync carries', x, y, lines)
}

function figureList({ figures, perSecond, rows, latencyMs }: BenchResult): string {
  const own: [string, string][] =
    figures.length > 0
      ? figures.map(([what, value]) => [what, value])
      : [
          [`${rows[0]?.unit ?? 'operations'} per second`, count(perSecond)],
          ['p99', `${short(latencyMs.p99)} ms`],
        ]
  const cells = own.map(
    ([what, value]) => `<div><strong>${escape(value)}</strong><span>${escape(what)}</span></div>`,
  )
  return `<section class="figures">${cells.join('')}</section>`
}

function tableOf(table: Table | undefined): string {
  if (table === undefined) return ''
  const { header, rows } = table
  const head = header.map((cell) => `<th>${escape(cell)}</th>`).join('')
  const body = rows.map(
    (row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`,
  )
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5a6470;--line:#d8dde3;--paper:#fff;--card:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--line:#39424c;--paper:#14181d;--card:#1d232a}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:24px;font-weight:400;margin:0 0 4px}
.facts,.remark{color:var(--soft);font-size:13px;margin:4px 0 14px}
.verdict{padding:9px 14px;border-radius:6px;border-left:4px solid;background:var(--card)}
.good{border-color:#009e73}.bad{border-color:#d00000;font-weight:600}
.figures{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0}
.figures div{background:var(--card);border-radius:6px;padding:10px 16px;min-width:130px}
.figures strong{display:block;font-size:19px;font-weight:600}.figures span{color:var(--soft);font-size:12.5px}
figure{margin:26px 0;background:var(--card);border-radius:8px;padding:14px 16px}
figcaption{font-weight:600;margin-bottom:6px}
svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
svg .label{fill:var(--soft)}.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--soft);fill:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:12.5px;margin-top:4px}
.legend i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;margin:14px 0;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child,th:last-child,td:last-child{text-align:left}
td:last-child{white-space:normal}`
