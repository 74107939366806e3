/**
 * Where a command prints: words and tables for people, or JSON for programs (`--json`), never both.
 *
 * O1. With `--json`, stdout holds nothing but JSON, one value a line; the last line is the result.
 * O2. Errors, progress and remarks go to stderr in both modes, so a pipe carries results alone.
 */
import { NatsRefused, NatsUnreachable } from '../../transport/index.js'
import { problemOf, type Problem } from './problem.js'

/** The streams of a process, as far as a command needs them. */
export interface Streams {
  readonly stdout: Stream
  readonly stderr: Stream
}

interface Stream {
  /** @param left called when the text has left this process, or can't */
  write(text: string, left?: () => void): unknown
  readonly isTTY?: boolean
}

/** ms that a reader who does not read holds the end of a process up. */
const flushMs = 1_000

export class Output {
  readonly json: boolean
  readonly streams: Streams

  constructor(json: boolean, streams: Streams = process) {
    this.json = json
    this.streams = streams
  }

  /** A line for people; nothing with `--json`. */
  say(text: string): void {
    if (!this.json) this.streams.stdout.write(`${text}\n`)
  }

  /** A line for programs; nothing without `--json`. */
  emit(value: unknown): void {
    if (this.json) this.streams.stdout.write(`${JSON.stringify(value)}\n`)
  }

  /** Resolves when all that was said has left this process, as far as anybody takes it. */
  async flushed(): Promise<void> {
    const { stdout, stderr } = this.streams
    let late: NodeJS.Timeout | undefined
    const tooLate = new Promise<void>((resolve) => {
      late = setTimeout(resolve, flushMs)
    })
    const left = [stdout, stderr].map(
      (stream) => new Promise<void>((resolve) => void stream.write('', resolve)),
    )
    await Promise.race([Promise.all(left), tooLate])
    clearTimeout(late)
  }

  /** A result in the form that was asked for. */
  result(value: unknown, render: () => string): void {
    if (this.json) this.emit(value)
    else this.say(render())
  }

  /** A remark beside the result; people only. */
  note(text: string): void {
    if (!this.json) this.streams.stderr.write(`${text}\n`)
  }

  /**
   * What an operator should know while a command runs, in either form on stderr.
   * @param detail of an `error` its sentence is told, its code, and what caused it
   * @param words the same for people @default event and detail
   */
  tell(event: string, detail: Record<string, unknown>, words?: string): void {
    const { stderr } = this.streams
    const { error } = detail
    const told = error instanceof Error ? { ...detail, ...fieldsOf(error) } : detail
    if (this.json) stderr.write(`${JSON.stringify({ event, ...told }, speaking)}\n`)
    else stderr.write(`suanpan: ${words ?? `${event}: ${JSON.stringify(told, speaking)}`}\n`)
  }

  /** What an audit found wrong, as long as it lasts. */
  alarm({ type, sentence }: { readonly type: string; readonly sentence: string }): void {
    this.tell('alarm', { type, sentence }, `ALARM ${type}: ${sentence}`)
  }

  /** An error, in either form on stderr. */
  problem(problem: Problem): void {
    const { code, sentence, details } = problem
    this.streams.stderr.write(
      this.json
        ? `${JSON.stringify({ error: { code, message: sentence, ...details } })}\n`
        : `suanpan: ${sentence} (${code})\n`,
    )
  }

  /** Prints any error. @returns the exit code it means */
  failure(error: unknown): Problem['exitCode'] {
    const problem = problemOf(error)
    this.problem(problem)
    if (process.env['SUANPAN_DEBUG'] === '1' && error instanceof Error) {
      this.streams.stderr.write(`${error.stack ?? ''}\n`)
    }
    return problem.exitCode
  }
}

/** Causes are told as far as this: a circle of them has no end. */
const causesMax = 4

/** An error as an operator reads it. */
interface ToldError {
  readonly error: string
  readonly code?: string
  /** What the sentence does not say of the errors behind it. */
  readonly cause?: string
}

function fieldsOf(error: Error): ToldError {
  const code = codeOf(error)
  const causes = causesOf(error).flatMap((cause) => {
    const why = codeOf(cause)
    if (!error.message.includes(cause.message)) {
      return [sentenceOf(cause) + (why === undefined ? '' : ` (${why})`)]
    }
    return why === undefined || why === code ? [] : [why]
  })
  return {
    error: sentenceOf(error),
    ...(code === undefined ? {} : { code }),
    ...(causes.length === 0 ? {} : { cause: causes.join(' ') }),
  }
}

/** The errors behind one; what is behind an error of NATS is in its own sentence, in our words. */
function causesOf(error: Error): Error[] {
  const causes: Error[] = []
  let behind: unknown = error
  while (behind instanceof Error && causes.length < causesMax) {
    if (behind instanceof NatsRefused || behind instanceof NatsUnreachable) {
      // Of two errors of NATS the second is one of ours, too.
      if (codeOf(behind.cause) === undefined) break
    }
    behind = behind.cause
    if (behind instanceof Error) causes.push(behind)
  }
  return causes
}

/** The class says something only where it is neither ours, with a code, nor none in particular. */
function sentenceOf(error: Error): string {
  const isPlain = error.name === 'Error' || codeOf(error) !== undefined
  return isPlain ? error.message : `${error.name}: ${error.message}`
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** Errors have no fields of their own to print; what they say is what an operator needs. */
function speaking(_: string, value: unknown): unknown {
  return value instanceof Error ? sentenceOf(value) : value
}

/** Labels and values, one a line, values aligned. */
export function pairsTable(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length))
  return pairs.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`).join('\n')
}

/** Rows under a header; columns whose cells are all numbers stand to the right. */
export function rowsTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const numeric = header.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^[-\d.,]*$/.test(row[i] ?? '')),
  )
  return all
    .map((row) =>
      row
        .map((cell, i) =>
          numeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}

/** Made when it is first asked for: it costs a start more than all else in this file. */
let groups: Intl.NumberFormat | undefined

/** 1236668 → `1,236,668`. */
export function count(value: number): string {
  groups ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
  return groups.format(value)
}

/** `1 payment`, `2 payments`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** ms for people: `0.42 ms`, `12.3 ms`, `1.20 s`. */
export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`
  return `${value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`
}

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function bytes(value: number): string {
  let unit = 0
  let scaled = value
  while (scaled >= 1024 && unit < byteUnits.length - 1) {
    scaled /= 1024
    unit++
  }
  return `${unit === 0 ? count(scaled) : scaled.toFixed(1)} ${byteUnits[unit] ?? ''}`
}
