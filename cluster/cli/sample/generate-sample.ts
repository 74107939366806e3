/**
 * Makes the shipped sample from a fixed seed: `node dist/cluster/cli/sample/generate-sample.js`. The
 * same code makes the same rows, always; a test compares them with the file.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { packageFile } from '../package-file.js'
import { samplePath } from './sample-rows.js'

const seed = 20_260_801
const paymentRows = 30_000

const cities = [
  { name: 'beijing', currency: 'CNY', customers: 200, typical: 3_800 },
  { name: 'shanghai', currency: 'CNY', customers: 200, typical: 4_200 },
  { name: 'berlin', currency: 'EUR', customers: 100, typical: 1_100 },
  { name: 'tokyo', currency: 'JPY', customers: 100, typical: 1_300 },
  { name: 'kuwait', currency: 'KWD', customers: 50, typical: 2_500 },
] as const

/** Busiest first. */
const shops = [
  'metro',
  'teahouse',
  'noodle-bar',
  'grocer',
  'bakery',
  'pharmacy',
  'bookshop',
  'cinema',
  'taxi',
  'tailor',
  'hotel',
  'bicycle-repair',
] as const

const surnames = 'li wang zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin'.split(
  ' ',
)
const givenNames = 'wei fang min jing lei yan tao juan jie ping gang hong'.split(' ')

/** Makes the text of the sample. */
export function generateSample(): string {
  return new SampleMaker(seed).make()
}

interface Customer {
  readonly id: string
  readonly city: (typeof cities)[number]
  /** What all of the payments that can be paid add up to. */
  needs: number
  readonly frozen: boolean
  /** Largest amount of one payment; 0 for no limit. */
  readonly limit: number
}

class SampleMaker {
  private state: number
  private readonly rows: string[] = []
  private readonly payments: string[] = []
  private readonly steps: string[] = []
  private readonly customers: Customer[]

  constructor(start: number) {
    this.state = start
    this.customers = cities.flatMap((city) =>
      Array.from({ length: city.customers }, (_, i) => this.customer(city, i)),
    )
  }

  make(): string {
    for (let i = 0; i < paymentRows; i++) this.payment()
    const opened = this.openings()
    // Steps name payments by their row, which is known once all rows before them are.
    const first = opened.length + 1
    const steps = this.steps.map((step) =>
      step.replace(/#(\d+)$/, (_, payment: string) => String(first + Number(payment))),
    )
    this.rows.push('action,payer,payee,amount,currency,reference', ...opened, ...this.payments)
    this.rows.push(...steps)
    return `${this.rows.join('\n')}\n`
  }

  private customer(city: (typeof cities)[number], number: number): Customer {
    const surname = surnames[number % surnames.length] ?? ''
    const given = givenNames[Math.floor(number / surnames.length) % givenNames.length] ?? ''
    return {
      id: `${surname}.${given}.${city.name}`,
      city,
      needs: 0,
      frozen: number % 50 === 49,
      limit: number % 25 === 24 ? city.typical * 3 : 0,
    }
  }

  private openings(): string[] {
    const rows = this.customers.map(({ id, city }) => `open,${id},,,${city.currency},`)
    for (const { name, currency } of cities) {
      for (const shop of shops) rows.push(`open,,${shop}.${name},,${currency},`)
    }
    for (const { id, city, needs } of this.customers) {
      rows.push(`deposit,${id},,${needs + city.typical},${city.currency},`)
    }
    for (const { id, city, limit } of this.customers) {
      if (limit > 0) rows.push(`limit,${id},,${limit},${city.currency},`)
    }
    for (const { id, frozen } of this.customers) if (frozen) rows.push(`freeze,${id},,,,`)
    return rows
  }

  /** One payment; a few of them ask for what can't be, and some are followed by a step. */
  private payment(): void {
    const customer = this.customers[Math.floor(this.random() * this.customers.length)]
    if (customer === undefined) return
    const { id, city, frozen, limit } = customer
    const shop = `${this.shop()}.${city.name}`
    const chance = this.random()
    let amount = this.amount(city.typical)
    if (frozen) {
      this.add('pay', id, shop, amount, city.currency)
    } else if (limit > 0 && chance < 0.06) {
      this.add('pay', id, shop, limit * 2, city.currency)
    } else if (chance < 0.004) {
      // More than anybody has.
      this.add('pay', id, shop, city.typical * 1_000_000, city.currency)
    } else if (chance < 0.007) {
      amount = limit > 0 ? Math.min(amount, limit) : amount
      this.add('pay', id, `fairground.${city.name}`, amount, city.currency)
      customer.needs += amount
    } else {
      amount = limit > 0 ? Math.min(amount, limit) : amount
      customer.needs += amount
      if (chance < 0.05) this.hold(customer, amount, chance)
      else this.paid(customer, shop, amount, chance)
    }
  }

  private hold({ id, city }: Customer, amount: number, chance: number): void {
    const payment = this.add('hold', id, `hotel.${city.name}`, amount, city.currency)
    if (chance < 0.03) this.steps.push(`capture,,,,,#${payment}`)
    else if (chance < 0.04 && amount > 1) {
      this.steps.push(`capture,,,${Math.floor(amount / 2)},,#${payment}`)
    } else this.steps.push(`void,,,,,#${payment}`)
  }

  private paid({ id, city }: Customer, shop: string, amount: number, chance: number): void {
    const payment = this.add('pay', id, shop, amount, city.currency)
    if (chance > 0.99) this.steps.push(`refund,,,,,#${payment}`)
    else if (chance > 0.985 && amount > 1) {
      this.steps.push(`refund,,,${Math.floor(amount / 2)},,#${payment}`)
    }
  }

  private add(
    action: 'pay' | 'hold',
    payer: string,
    payee: string,
    amount: number,
    currency: string,
  ): number {
    return this.payments.push(`${action},${payer},${payee},${amount},${currency},`) - 1
  }

  /** Busy shops get more: the rank of a shop falls with the square of chance. */
  private shop(): string {
    return shops[Math.floor(this.random() ** 2 * shops.length)] ?? shops[0]
  }

  /** Around the typical amount, sometimes ten times that. */
  private amount(typical: number): number {
    return Math.max(1, Math.round(typical * Math.exp((this.random() + this.random() - 1) * 2.3)))
  }

  /** Mulberry32: small, fast and the same everywhere. */
  private random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(packageFile(samplePath), gzipSync(generateSample(), { level: 9 }))
}
