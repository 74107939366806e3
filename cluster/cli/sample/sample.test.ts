import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { packageFile } from '../package-file.js'
import { generateSample } from './generate-sample.js'
import { readSample, samplePath } from './sample-rows.js'

it('the shipped file is what its seed makes', () => {
  const shipped = gunzipSync(readFileSync(packageFile(samplePath))).toString('utf8')
  expect(shipped).toBe(generateSample())
})

it('D1: every step names a payment that stands before it', async () => {
  const rows = await readSample()
  const steps = rows.filter(({ reference }) => reference > 0)
  expect(steps.length).toBeGreaterThan(1_000)
  for (const { action, number, reference } of steps) {
    const payment = rows[reference - 1]
    expect(reference).toBeLessThan(number)
    expect(payment?.action).toBe(action === 'refund' ? 'pay' : 'hold')
  }
})
