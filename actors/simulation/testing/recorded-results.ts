/**
 * What the lines of a results file add up to: claims about campaigns are sums anyone can make again.
 */
import { readFileSync } from 'node:fs'

/** What of a line is added up. */
interface RecordedLine {
  readonly commit: string
  readonly workload: string
  readonly seeds: number
  readonly events: number
  readonly faults: Readonly<Record<string, number>>
  readonly failures: readonly { readonly seed: number }[]
}

/** Prints the sums of a results file. @param commits only campaigns of these @default all */
export function reportRecorded(file: URL, commits: readonly string[] = []): void {
  const text = readFileSync(file, 'utf8').trimEnd()
  const all = text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as RecordedLine)
  const lines = commits.length === 0 ? all : all.filter(({ commit }) => commits.includes(commit))
  const total = (of: (line: RecordedLine) => number): string =>
    lines.reduce((sum, line) => sum + of(line), 0).toLocaleString('en-US')
  const seeds = total((line) => line.seeds)
  const events = total((line) => line.events)
  const failed = total(({ failures }) => failures.length)
  console.log(`${lines.length} campaigns: ${seeds} seeds, ${events} events, ${failed} seeds failed`)
  const kinds = [...new Set(lines.flatMap(({ faults }) => Object.keys(faults)))].sort()
  for (const kind of kinds) console.log(`  ${kind}: ${total(({ faults }) => faults[kind] ?? 0)}`)
  for (const { commit, workload, failures } of lines) {
    for (const { seed } of failures) console.log(`failed: ${workload} ${seed} at ${commit}`)
  }
}
