/**
 * A file of card transactions, read once into typed arrays: plain or gzip CSV with the columns
 * transaction_id, time, customer_id, terminal_id and amount_minor, in any order, others beside them.
 *
 * C1. The whole file is read and checked before anything is done with it: a malformed row names its
 *     line, and nothing was begun.
 * C2. A row costs 24 bytes, an id its text once.
 */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { CsvError, parse } from 'csv-parse'
import { CommandFailed } from '../problem.js'

const columns = ['transaction_id', 'time', 'customer_id', 'terminal_id', 'amount_minor'] as const

/** Rows as columns; row `i` of each belongs together. */
export interface CardTransactions {
  /** Rows with an amount. */
  readonly rows: number
  /** Rows of amount zero, left out. */
  readonly skipped: number
  readonly transactionIds: Float64Array
  /** Place of the row's customer in {@link customerIds}. */
  readonly customers: Uint32Array
  readonly terminals: Uint32Array
  /** Minor units. */
  readonly amounts: Float64Array
  readonly customerIds: readonly string[]
  readonly terminalIds: readonly string[]
}

const chunkBytes = 256 * 1024
const rowsMin = 64 * 1024
const progressRows = 16 * 1024

/**
 * Reads the file. @param onProgress called now and then with the number of rows so far
 * @throws CommandFailed file_malformed, with file and line
 */
export async function readCardTransactions(
  path: string,
  onProgress: (rows: number) => void,
): Promise<CardTransactions> {
  const table = new TransactionTable(path)
  const parser = parse({
    bom: true,
    columns: false,
    cast: false,
    delimiter: ',',
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (record: string[], { lines }) => {
      table.add(record, lines)
      if (table.length % progressRows === 0) onProgress(table.length)
      return null
    },
  })
  // Records are taken in `on_record`; reading lets the parser reach its end.
  parser.resume()
  try {
    if ((await stat(path)).isDirectory()) throw noFile(path)
    const gzip = await isGzip(path)
    const file = createReadStream(path, { highWaterMark: chunkBytes })
    if (gzip) {
      await pipeline(file, createGunzip({ chunkSize: chunkBytes }), parser)
    } else await pipeline(file, parser)
  } catch (error) {
    throw readable(path, error)
  }
  return table.finish()
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

/** A folder opens like a file, and says what it is only when it is read, without its name. */
function noFile(path: string): CommandFailed {
  return new CommandFailed('file_unreadable', `${path} is a folder; name a file.`, { file: path })
}

/** Turns errors of the parser and of gzip into sentences. */
function readable(path: string, error: unknown): unknown {
  if (error instanceof CsvError) {
    const line = (error as { lines?: number }).lines
    return malformed(path, line ?? 0, 'is no CSV')
  }
  const { code } = error as { code?: string }
  if (code?.startsWith('Z_') === true) {
    return new CommandFailed(
      'file_malformed',
      `${path} is no whole gzip file: it ends too early or is damaged. Nothing was done.`,
      { file: path },
    )
  }
  return error
}

function malformed(path: string, line: number, what: string): CommandFailed {
  return new CommandFailed(
    'file_malformed',
    `${path}, line ${line}: the row ${what}. Nothing was done.`,
    { file: path, line },
  )
}

const wholePattern = /^\d{1,15}$/
const idPattern = /^[A-Za-z0-9._:@-]{1,127}$/
const timePattern = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/

/** Collects rows; arrays grow by doubling. */
class TransactionTable {
  length = 0
  private readonly path: string
  /** How the first row names its columns. */
  private header: readonly string[] | undefined
  /** Where each of {@link columns} stands in a row. */
  private places: readonly number[] = []
  private skipped = 0
  private transactionIds = new Float64Array(rowsMin)
  private customers = new Uint32Array(rowsMin)
  private terminals = new Uint32Array(rowsMin)
  private amounts = new Float64Array(rowsMin)
  private readonly customerNumbers = new Map<string, number>()
  private readonly terminalNumbers = new Map<string, number>()

  constructor(path: string) {
    this.path = path
  }

  add(record: readonly string[], line: number): void {
    if (this.header === undefined) {
      this.readHeader(record, line)
      return
    }
    const { length } = this.header
    if (record.length !== length) {
      throw malformed(this.path, line, `has ${record.length} fields instead of ${length}`)
    }
    const [id, time, customer, terminal, amount] = this.fieldsOf(record)
    if (!wholePattern.test(id)) throw this.badField(line, 'transaction_id', id)
    if (!timePattern.test(time)) throw this.badField(line, 'time', time)
    if (!idPattern.test(customer)) throw this.badField(line, 'customer_id', customer)
    if (!idPattern.test(terminal)) throw this.badField(line, 'terminal_id', terminal)
    if (!wholePattern.test(amount)) throw this.badField(line, 'amount_minor', amount)
    if (Number(amount) === 0) {
      this.skipped++
      return
    }
    if (this.length === this.amounts.length) this.grow()
    const row = this.length++
    this.transactionIds[row] = Number(id)
    this.customers[row] = numberOf(this.customerNumbers, customer)
    this.terminals[row] = numberOf(this.terminalNumbers, terminal)
    this.amounts[row] = Number(amount)
  }

  finish(): CardTransactions {
    if (this.header === undefined)
      throw malformed(this.path, 1, 'with the names of the columns is missing')
    this.refuseTwins()
    return {
      rows: this.length,
      skipped: this.skipped,
      transactionIds: this.transactionIds.slice(0, this.length),
      customers: this.customers.slice(0, this.length),
      terminals: this.terminals.slice(0, this.length),
      amounts: this.amounts.slice(0, this.length),
      customerIds: [...this.customerNumbers.keys()],
      terminalIds: [...this.terminalNumbers.keys()],
    }
  }

  /** A transaction id names one payment; two rows with one id would be one payment or a conflict. */
  private refuseTwins(): void {
    const sorted = this.transactionIds.slice(0, this.length).sort()
    const twin = sorted.findIndex((id, i) => i > 0 && id === sorted[i - 1])
    if (twin < 0) return
    throw new CommandFailed(
      'file_malformed',
      `${this.path} has the transaction_id ${sorted[twin] ?? 0} more than once. Nothing was done.`,
      { file: this.path },
    )
  }

  private readHeader(record: readonly string[], line: number): void {
    const missing = columns.filter((name) => !record.includes(name))
    if (missing.length > 0) {
      throw malformed(this.path, line, `does not name the columns ${missing.join(', ')}`)
    }
    const twice = columns.find((name) => record.indexOf(name) !== record.lastIndexOf(name))
    if (twice !== undefined) {
      throw malformed(this.path, line, `names the column ${twice} more than once`)
    }
    this.header = [...record]
    this.places = columns.map((name) => record.indexOf(name))
  }

  private fieldsOf(record: readonly string[]): [string, string, string, string, string] {
    const [id, time, customer, terminal, amount] = this.places
    return [record[id!]!, record[time!]!, record[customer!]!, record[terminal!]!, record[amount!]!]
  }

  private badField(line: number, name: string, value: string): CommandFailed {
    return malformed(this.path, line, `has the ${name} "${value.slice(0, 40)}"`)
  }

  private grow(): void {
    this.transactionIds = grown(this.transactionIds, new Float64Array(this.length * 2))
    this.customers = grown(this.customers, new Uint32Array(this.length * 2))
    this.terminals = grown(this.terminals, new Uint32Array(this.length * 2))
    this.amounts = grown(this.amounts, new Float64Array(this.length * 2))
  }
}

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

function numberOf(numbers: Map<string, number>, id: string): number {
  const known = numbers.get(id)
  if (known !== undefined) return known
  numbers.set(id, numbers.size)
  return numbers.size - 1
}
