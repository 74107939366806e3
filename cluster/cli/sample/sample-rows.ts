/**
 * The shipped sample: a day of payments in five cities, as rows of `payments.csv.gz`. Reads the file;
 * `generate-sample.ts` makes it.
 *
 *   action,payer,payee,amount,currency,reference
 *   open,li.wei,,,CNY,                    an account; with a payee, a merchant
 *   deposit,li.wei,,250000,CNY,
 *   limit,li.wei,,50000,CNY,              per payment
 *   freeze,li.wei,,,,
 *   pay,li.wei,teahouse.beijing,3500,CNY,
 *   hold,li.wei,hotel.beijing,50000,CNY,  a manual payment
 *   capture,,,30000,,17                   of the payment in data row 17; no amount: all that is left
 *   void,,,,,18
 *   refund,,,1000,,19
 *
 * D1. The number of a row names its request for ever: `sample-17` is its idempotency key.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { packageFile } from '../package-file.js'

export const sampleActions = [
  'open',
  'deposit',
  'limit',
  'freeze',
  'pay',
  'hold',
  'capture',
  'void',
  'refund',
] as const

export type SampleAction = (typeof sampleActions)[number]

export interface SampleRow {
  /** 1 for the first row after the header. */
  readonly number: number
  readonly action: SampleAction
  readonly payer: string
  readonly payee: string
  /** Minor units; 0 where there is none. */
  readonly amount: number
  readonly currency: string
  /** Number of the row of the payment this is about; 0 where there is none. */
  readonly reference: number
}

export const samplePath = 'cluster/cli/sample/payments.csv.gz'

export async function readSample(): Promise<SampleRow[]> {
  const text = gunzipSync(await readFile(packageFile(samplePath))).toString('utf8')
  const records: string[][] = parse(text, { columns: false, cast: false, from_line: 2 })
  return records.map(
    ([action = '', payer = '', payee = '', amount = '', currency = '', reference = ''], i) => ({
      number: i + 1,
      action: actionOf(action),
      payer,
      payee,
      amount: Number(amount),
      currency,
      reference: Number(reference),
    }),
  )
}

function actionOf(text: string): SampleAction {
  const action = sampleActions.find((one) => one === text)
  if (action === undefined) throw new Error(`the sample has the unknown action "${text}"`)
  return action
}
