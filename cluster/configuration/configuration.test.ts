import { beforeEach, describe, expect, it } from 'vitest'
import { Process } from '../membership/testing/simulated-cluster.js'
import {
  fairWeather,
  FaultCounts,
  Kernel,
  Random,
  SimulatedNatsService,
  type NatsFaultKind,
} from '../../runtime/simulation/index.js'
import { Configuration } from './configuration.js'
import { readSetting, refusalOf, settingDefinitions, settingNames } from './definitions.js'
import { rebalanceSettings } from './rebalance-settings.js'

const weather = fairWeather()
let kernel: Kernel
let service: SimulatedNatsService
let here: Configuration
let there: Configuration
let reports: string[]

async function soon<T>(promise: Promise<T>): Promise<T> {
  let settled = false
  const end = (): void => void (settled = true)
  promise.then(end, end)
  if (!(await kernel.run(() => settled))) throw new Error('nothing happens any more')
  return promise
}

async function pass(ms: number): Promise<void> {
  await soon(kernel.wait(ms))
}

async function node(random: Random): Promise<Configuration> {
  const process = new Process(kernel, random)
  const bucket = await soon(service.connect(process).bucket('B', { replicas: 3 }))
  const configuration = new Configuration({
    env: process.env,
    bucket,
    report: (event) => reports.push(event),
  })
  configuration.start()
  return configuration
}

beforeEach(async () => {
  Object.assign(weather, fairWeather())
  kernel = new Kernel()
  reports = []
  const counts = new FaultCounts<NatsFaultKind>()
  service = new SimulatedNatsService({ kernel, random: new Random(1, 'nats'), weather, counts })
  here = await node(new Random(1))
  there = await node(new Random(2))
})

describe('settings of a cluster', () => {
  it('have their defaults until somebody sets them', () => {
    for (const name of settingNames) expect(here.get(name)).toBe(settingDefinitions[name].default)
    expect(here.all().get('rebalance.moves_max')).toBe(4)
  })

  it('take effect on all nodes without a restart, and tell who listens', async () => {
    const told: unknown[] = []
    there.onChange(({ name, value, by }) => told.push([name, value, by]))
    expect(await soon(here.set('rebalance.moves_max', 8, 'alice'))).toBeUndefined()
    expect(here.get('rebalance.moves_max')).toBe(8)
    await pass(1_000)
    expect(there.get('rebalance.moves_max')).toBe(8)
    expect(rebalanceSettings(there).movesMax).toBe(8)
    expect(told).toEqual([['rebalance.moves_max', 8, 'alice']])
  })

  it('keep who changed what and when', async () => {
    await soon(here.set('log.level', 'debug', 'alice'))
    await pass(5_000)
    await soon(there.set('log.level', 'warn', 'bob'))
    await soon(here.set('log.level', undefined, 'carol'))
    const history = await soon(there.history('log.level'))
    expect(history.map(({ value, by }) => [value, by])).toEqual([
      ['debug', 'alice'],
      ['warn', 'bob'],
      [undefined, 'carol'],
    ])
    expect(history[1]!.at - history[0]!.at).toBeGreaterThanOrEqual(5_000)
    expect(here.get('log.level')).toBe('info')
  })

  it('are refused by name and by value, with a sentence', async () => {
    expect(await soon(here.set('rebalance.speed', 3, 'x'))).toMatchObject({
      code: 'unknown_setting',
      sentence: expect.stringContaining('rebalance.moves_max') as string,
    })
    expect(await soon(here.set('__proto__', 3, 'x'))).toMatchObject({ code: 'unknown_setting' })
    for (const value of [0, 65, 1.5, '4', null, Number.NaN]) {
      expect(await soon(here.set('rebalance.moves_max', value, 'x'))).toEqual({
        code: 'invalid_setting',
        sentence: 'rebalance.moves_max must be a whole number from 1 to 64.',
      })
    }
    expect(refusalOf('rebalance.enabled', 'yes')?.sentence).toContain('true or false')
    expect(refusalOf('log.level', 'loud')?.sentence).toContain('error, warn, info, debug')
    expect(await soon(here.set('log.level', 'warn', ''))).toMatchObject({ code: 'invalid_setting' })
    expect(service.bucket('B').newest('')).toEqual([])
  })

  it('F1: a value that breaks its definition never takes effect; the last good one stays', async () => {
    await soon(here.set('rebalance.moves_max', 8, 'alice'))
    const bucket = service.bucket('B')
    const key = 'config.rebalance.moves_max'
    for (const bad of ['{"value":1000,"by":"x","at":1}', 'rubbish', '{"value":9}']) {
      bucket.change(key, Buffer.from(bad), bucket.get(key)!.revision, 0)
      await pass(1_000)
      expect([here.get('rebalance.moves_max'), there.get('rebalance.moves_max')]).toEqual([8, 8])
    }
    expect(reports).toContain('setting_broken')
    bucket.change('config.of.newer.code', Buffer.from('{"value":1,"by":"x","at":1}'), 0, 0)
    await pass(1_000)
    expect(await soon(here.set('rebalance.moves_max', 9, 'alice'))).toBeUndefined()
  })

  it('F2: two changes at once both come through, one after the other, also with stale reads', async () => {
    Object.assign(weather, { replyLoss: 0.3, staleGet: 0.5 })
    for (let i = 0; i < 10; i++) {
      const both = [
        here.set('requests.mailbox_max', 100 + i, 'a'),
        there.set('requests.mailbox_max', 200 + i, 'b'),
      ]
      for (const refusal of await soon(Promise.all(both))) {
        expect([undefined, 'outcome_unknown']).toContain(refusal?.code)
      }
    }
    Object.assign(weather, fairWeather())
    await pass(5_000)
    expect(here.get('requests.mailbox_max')).toBe(there.get('requests.mailbox_max'))
    const history = await soon(here.history('requests.mailbox_max'))
    expect(new Set(history.map(({ by }) => by))).toEqual(new Set(['a', 'b']))
  })

  it('says when nobody knows what became of a change', async () => {
    service.startElection()
    expect(await soon(here.set('log.level', 'warn', 'x'))).toMatchObject({
      code: 'outcome_unknown',
    })
    service.endElection()
  })

  it.each([
    ['rebalance.moves_max', '8', 8],
    ['rebalance.enabled', 'true', true],
    ['rebalance.enabled', 'false', false],
    ['log.level', 'warn', 'warn'],
  ] as const)('%s may be typed as "%s"', (name, text, value) => {
    expect(readSetting(name, text)).toBe(value)
  })

  it.each([
    ['rebalance.moves_max', '8.5'],
    ['rebalance.moves_max', '-8'],
    ['rebalance.moves_max', ''],
    ['rebalance.enabled', 'toString'],
    ['rebalance.enabled', ''],
    ['log.level', 'loud'],
  ] as const)('%s may not be typed as "%s"', (name, text) => {
    expect(refusalOf(name, readSetting(name, text))).toMatchObject({ code: 'invalid_setting' })
  })
})
