/**
 * What was acknowledged to the generator, and the comparison of it with what is on disk.
 *
 * K1. Every payment of a run moves the same amount, so that posted money divides into payments, account
 *     by account: found less than acknowledged is lost, found more than could have run is duplicated.
 * K2. What got no answer may or may not have run; it widens the bound and is never counted as lost.
 * K3. Some payments are kept one by one, with key and id, and asked for again after recovery.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** Amount of every payment and every leg, in minor units. */
export const amountEach = 100

/** A payment that was acknowledged, to be asked for again with its key. */
export interface Sample {
  readonly id: string
  readonly payer: string
  readonly payee: string
  readonly idempotencyKey: string
}

const samplesMax = 256

/** Counts by party; parties are numbered by the workload. */
export class Acknowledged {
  /** Rows: paid, received, perhaps paid, perhaps received. */
  private readonly counts: Int32Array
  private readonly parties: number
  private readonly samples: Sample[] = []
  private seen = 0

  constructor(parties: number) {
    this.parties = parties
    this.counts = new Int32Array(4 * parties)
  }

  paid(payer: number, payee: number): void {
    this.add(payer, payee, 0)
  }

  /** Outcome unknown (K2). */
  perhaps(payer: number, payee: number): void {
    this.add(payer, payee, 2)
  }

  private add(payer: number, payee: number, row: number): void {
    const { counts, parties } = this
    counts[row * parties + payer] = counts[row * parties + payer]! + 1
    counts[(row + 1) * parties + payee] = counts[(row + 1) * parties + payee]! + 1
  }

  /** Whether the next acknowledgement should be kept: ever more rarely, so that samples spread over a run. */
  wantsSample(): boolean {
    const wanted = (this.seen & (this.seen - 1)) === 0 || this.seen % 4_096 === 0
    this.seen++
    return wanted && this.samples.length < samplesMax
  }

  keep(sample: Sample): void {
    this.samples.push(sample)
  }

  /** Writes it where the process that recovers reads it. */
  save(path: string): void {
    writeFileSync(path, Buffer.from(this.counts.buffer))
    writeFileSync(`${path}.samples`, JSON.stringify(this.samples))
  }
}

/** As read back. */
export interface Expected {
  readonly paid: Int32Array
  readonly received: Int32Array
  readonly perhapsPaid: Int32Array
  readonly perhapsReceived: Int32Array
  readonly samples: readonly Sample[]
}

/** Reads what one or several processes saved, as one. */
export function readAcknowledged(paths: readonly string[]): Expected {
  let all = new Int32Array(0)
  const samples: Sample[] = []
  for (const path of paths) {
    const bytes = readFileSync(path)
    const one = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    all = all.length === 0 ? one : all.map((count, i) => count + one[i]!)
    samples.push(...(JSON.parse(readFileSync(`${path}.samples`, 'utf8')) as Sample[]))
  }
  const parties = all.length / 4
  const row = (number: number): Int32Array => all.subarray(number * parties, (number + 1) * parties)
  return {
    paid: row(0),
    received: row(1),
    perhapsPaid: row(2),
    perhapsReceived: row(3),
    samples,
  }
}

/** What was found on disk, by party: payments, not money. */
export interface Found {
  readonly paid: ArrayLike<number>
  readonly received: ArrayLike<number>
}

export interface Comparison {
  readonly acknowledged: number
  /** Without a known outcome (K2). */
  readonly unanswered: number
  readonly found: number
  readonly lost: number
  readonly duplicated: number
}

/** Compares both sides of all payments (K1); the worse side counts. */
export function compare(expected: Expected, found: Found): Comparison {
  const paid = compareSide(expected.paid, expected.perhapsPaid, found.paid)
  const received = compareSide(expected.received, expected.perhapsReceived, found.received)
  return {
    acknowledged: paid.acknowledged,
    unanswered: paid.unanswered,
    found: paid.found,
    lost: Math.max(paid.lost, received.lost),
    duplicated: Math.max(paid.duplicated, received.duplicated),
  }
}

function compareSide(
  acknowledged: Int32Array,
  perhaps: Int32Array,
  found: ArrayLike<number>,
): Comparison {
  const sum = { acknowledged: 0, unanswered: 0, found: 0, lost: 0, duplicated: 0 }
  for (let party = 0; party < acknowledged.length; party++) {
    const least = acknowledged[party]!
    const most = least + perhaps[party]!
    const there = found[party] ?? 0
    sum.acknowledged += least
    sum.unanswered += most - least
    sum.found += there
    sum.lost += Math.max(0, least - there)
    sum.duplicated += Math.max(0, there - most)
  }
  return sum
}
