import { expect, it } from 'vitest'
import { DurabilityCheck } from './durability.js'
import { Output } from './output.js'

const facts = {
  serverVersion: '2.14.0',
  maxPayloadBytes: 1024 * 1024,
  servers: 3,
  syncAlways: true,
}
const narrow = { ...facts, maxPayloadBytes: 65_536 }

/** A check, and the codes of what it told. */
function started(allowUnsafe = false, with_ = facts) {
  const told: string[] = []
  const stderr = {
    write: (line: string) => told.push((JSON.parse(line) as { code: string }).code),
  }
  const output = new Output(true, { stdout: stderr, stderr })
  return { told, check: new DurabilityCheck({ replicas: 3, allowUnsafe }, output, with_) }
}

it('S8: servers that got narrower while a node runs are told of once, and again when they do so again', () => {
  const { told, check } = started()
  check.again(facts)
  expect(told).toEqual([])
  check.again(narrow)
  check.again(narrow)
  expect(told).toEqual(['small_payload'])
  check.again(facts)
  check.again({ ...narrow, syncAlways: false })
  expect(told).toEqual(['small_payload', 'sync_interval', 'small_payload'])
})

it('S8: a node that starts refuses them, or says so when it may not', () => {
  expect(() => started(false, narrow)).toThrow(expect.objectContaining({ code: 'small_payload' }))
  const { told, check } = started(true, narrow)
  check.again(narrow)
  expect(told).toEqual(['small_payload'])
  const thin = { name: 'S', replicas: 1 }
  check.opened(thin)
  expect(told).toEqual(['small_payload', 'too_few_replicas'])
  for (const name of ['KV', 'SHARD']) check.opened({ name, replicas: 5 })
  expect(told.slice(2)).toEqual(['more_replicas'])
  const strict = started()
  expect(() => strict.check.opened(thin)).toThrow(
    expect.objectContaining({ code: 'too_few_replicas' }),
  )
})
