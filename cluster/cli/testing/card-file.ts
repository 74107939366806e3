/** Small files of card transactions, made the same way every time. */
import { writeFileSync } from 'node:fs'

export const cardHeader =
  'transaction_id,time,customer_id,terminal_id,amount_minor,fraud,fraud_scenario'

export interface CardFile {
  readonly rows: number
  readonly zeroRows: number
}

/** Writes `rows` rows; each hundredth has the amount zero. */
export function writeCardFile(path: string, rows: number): CardFile {
  const lines = [cardHeader]
  let zeroRows = 0
  for (let i = 0; i < rows; i++) {
    const amount = i % 100 === 99 ? 0 : 100 + ((i * 7_919) % 20_000)
    if (amount === 0) zeroRows++
    const time = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString().replace('.000', '')
    lines.push(`${i},${time},${(i * 31) % 97},${(i * 17) % 53},${amount},0,0`)
  }
  writeFileSync(path, `${lines.join('\n')}\n`)
  return { rows, zeroRows }
}
