/**
 * What an operator should know of a runtime whose owner listens to no reports: printed to stderr, as far as it is
 * trouble. An actor that fails tells its caller only that it failed; without the stack nobody could mend it.
 */
import type { Clock } from './env.js'

type Detail = Readonly<Record<string, unknown>>

/** A handler that fails thousands of times a second must not make its process one that mostly prints. */
const reportsPerSecondMax = 20

/** Trouble, by its event; what is not listed is everyday, and not printed. */
const sentences: Readonly<Record<string, (detail: Detail) => string>> = {
  actor_failed: (detail) =>
    `actor_failed: ${word(detail['address'])} failed on ${handlerOf(detail)}: ${stackOf(detail['error'])}`,
  quarantined: (detail) =>
    `quarantined: ${word(detail['address'])} is set aside: ${word(detail['reason'])}`,
  requests_lost: (detail) =>
    `requests_lost: requests could not be sent, their outcome is unknown: ${messageOf(detail['error'])}`,
  snapshot_damaged: (detail) =>
    `snapshot_damaged: shard ${word(detail['shard'])}: ${word(detail['why'])}; set aside as ${word(detail['file'])}`,
}

/**
 * A callback for `onReport` that prints.
 * @param print writes one entry, of one line or with a stack
 */
export function printReports(
  clock: Clock,
  print: (entry: string) => void = printError,
): (event: string, detail: Record<string, unknown>) => void {
  let since = Number.NEGATIVE_INFINITY
  let printed = 0
  let withheld = 0
  return (event, detail) => {
    const sentence = sentences[event]
    if (sentence === undefined) return
    const now = clock.monotonic()
    if (now - since >= 1_000) {
      if (withheld > 0) print(`suanpan: ${withheld} reports more were not printed`)
      since = now
      printed = 0
      withheld = 0
    }
    if (printed++ < reportsPerSecondMax) print(`suanpan: ${sentence(detail)}`)
    else withheld++
  }
}

/** Unlike a write of our own, the console survives a stderr that is closed. */
function printError(entry: string): void {
  console.error(entry)
}

function handlerOf(detail: Detail): string {
  const { command, query, replay } = detail
  if (query !== undefined) return `the query "${word(query)}"`
  if (replay !== undefined) return `the replay of "${word(replay)}"`
  return `"${word(command)}"`
}

/** Errors come as they were thrown, or, from worker threads, as data with the same fields. */
function stackOf(error: unknown): string {
  const stack = fieldOf(error, 'stack')
  return typeof stack === 'string' ? stack : messageOf(error)
}

function messageOf(error: unknown): string {
  const message = fieldOf(error, 'message')
  return typeof message === 'string' ? message : word(error)
}

/** Whatever was thrown may be a proxy, or have fields that throw. */
function fieldOf(value: unknown, name: string): unknown {
  try {
    return (value as Detail | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

function word(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'something that does not say what it is'
  }
}
