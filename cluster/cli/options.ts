/** Options several commands share, and the parsers of their values: wrong values are wrong usage. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { isCurrency } from '../../actors/index.js'

/** A whole number within bounds. */
export function whole(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

export function currencyOption(value: string): string {
  if (isCurrency(value)) return value
  throw new InvalidArgumentError('It must be a code of ISO 4217 such as EUR.')
}

export function timeZoneOption(value: string): string {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: value })
    return value
  } catch {
    throw new InvalidArgumentError('It must be a time zone such as Asia/Shanghai or UTC.')
  }
}

export function urlOption(words: string): Option {
  return new Option('--url <url>', words).argParser(parsedUrl)
}

export function apiKeyOption(): Option {
  return new Option('--api-key <key>', 'API key, where the node asks for one').env(
    'SUANPAN_API_KEY',
  )
}

function parsedUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return value.replace(/\/+$/, '')
  throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:7400.')
}

export const threadsMax = 256
export const shardsMax = 65_535

export function jsonOption(): Option {
  return new Option('--json', 'print JSON for programs instead of words')
}

export function dataOption(): Option {
  return new Option('--data <dir>', 'data folder of journal and snapshots').default('./data')
}

export function threadsOption(): Option {
  return new Option('--threads <n>', 'worker threads; 0 runs all in one [cores − 1]').argParser(
    whole(0, threadsMax),
  )
}

export function shardsOption(): Option {
  return new Option(
    '--shards <n>',
    'shards of a new data folder, fixed for its life [32]',
  ).argParser(whole(1, shardsMax))
}

/** Adds what every command needs that talks to a running node. */
export function withNode(command: Command): Command {
  return command
    .addOption(
      urlOption('where the node listens').env('SUANPAN_URL').default('http://127.0.0.1:7400'),
    )
    .addOption(apiKeyOption())
    .addOption(jsonOption())
}

/** Options of {@link withNode}. */
export interface NodeOptions {
  readonly url: string
  readonly apiKey?: string
  readonly json?: boolean
}

/** Adds examples below a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}
