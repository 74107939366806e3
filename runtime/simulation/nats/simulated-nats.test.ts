import { beforeEach, describe, expect, it } from 'vitest'
import { NatsUnreachable, type KeyChange, type Nats } from '../../../transport/index.js'
import { FaultCounts } from '../faults.js'
import { Kernel, type Owner } from '../kernel.js'
import { Random } from '../random.js'
import { SimulatedNatsService } from './service.js'
import { subjectFits } from './subjects.js'
import { fairWeather, type NatsFaultKind, type NatsWeather } from './weather.js'

class TestProcess implements Owner {
  alive = true
  paused = false
  private deferred: (() => void)[] = []

  constructor(private readonly kernel: Kernel) {}

  defer(run: () => void): void {
    this.deferred.push(run)
  }

  resume(): void {
    this.paused = false
    for (const run of this.deferred.splice(0)) this.kernel.after(0, run, this)
  }
}

let kernel: Kernel
let weather: NatsWeather
let counts: FaultCounts<NatsFaultKind>
let service: SimulatedNatsService
let process: TestProcess
let other: TestProcess
let nats: Nats
let others: Nats

function begin(seed = 1): void {
  kernel = new Kernel()
  weather = fairWeather()
  counts = new FaultCounts()
  service = new SimulatedNatsService({ kernel, random: new Random(seed, 'nats'), weather, counts })
  process = new TestProcess(kernel)
  other = new TestProcess(kernel)
  nats = service.connect(process)
  others = service.connect(other)
}

beforeEach(() => begin())

/** Runs the simulation until a promise is settled. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let settled = false
  const end = (): void => void (settled = true)
  promise.then(end, end)
  if (!(await kernel.run(() => settled))) throw new Error('nothing happens any more')
  return promise
}

/** Lets virtual time pass. */
async function pass(ms: number): Promise<void> {
  await soon(kernel.wait(ms))
}

const bytes = (text: string): Buffer => Buffer.from(text)
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString()
const settings = { replicas: 3 }

/** Everything a stream holds. */
function kept(name: string): string[] {
  const stream = service.stream(name)
  return Array.from({ length: stream.last - stream.first + 1 }, (_, i) =>
    Buffer.from(stream.at(stream.first + i)!).toString(),
  )
}

describe('a stream of the simulated NATS', () => {
  it('appends after the expected sequence only', async () => {
    const log = await soon(nats.stream('S', settings))
    expect(await soon(log.append(bytes('a'), 0))).toEqual({ outcome: 'appended', sequence: 1 })
    expect(await soon(log.append(bytes('b'), 0))).toEqual({ outcome: 'conflict' })
    expect(await soon(log.append(bytes('c'), 1))).toEqual({ outcome: 'appended', sequence: 2 })
    expect(kept('S')).toEqual(['a', 'c'])
    expect(text(await soon(log.at(2)))).toBe('c')
    expect(await soon(log.at(3))).toBeUndefined()
  })

  it('lets one of two writers win', async () => {
    const logs = [await soon(nats.stream('S', settings)), await soon(others.stream('S', settings))]
    const outcomes = await soon(Promise.all(logs.map((log, i) => log.append(bytes(`${i}`), 0))))
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['appended', 'conflict'])
  })

  it('keeps its last sequence when it is purged, and reads without gaps or not at all', async () => {
    const log = await soon(nats.stream('S', settings))
    for (let i = 0; i < 200; i++) await soon(log.append(bytes(`${i}`), i))
    const read: number[] = []
    await soon(log.read(3, 150, (sequence) => read.push(sequence)))
    expect(read).toEqual(Array.from({ length: 148 }, (_, i) => i + 3))
    await soon(log.purge(199))
    expect(await soon(log.bounds())).toEqual({ first: 200, last: 200 })
    await expect(soon(log.read(199, 200, () => undefined))).rejects.toMatchObject({
      code: 'nats_message_missing',
      sequence: 199,
    })
    await soon(log.purge(200))
    expect(await soon(log.bounds())).toEqual({ first: 201, last: 200 })
    expect(await soon(log.append(bytes('on'), 200))).toEqual({ outcome: 'appended', sequence: 201 })
  })

  it('Y2: what was sent arrives though its sender died; the reply does not', async () => {
    const log = await soon(nats.stream('S', settings))
    let answered = false
    void log.append(bytes('a'), 0).then(() => (answered = true))
    process.alive = false
    await pass(5_000)
    expect(kept('S')).toEqual(['a'])
    expect(answered).toBe(false)
  })

  it('Y2: a paused process hears of it when it goes on', async () => {
    const log = await soon(nats.stream('S', settings))
    const append = log.append(bytes('a'), 0)
    process.paused = true
    await pass(10_000)
    process.resume()
    expect(await soon(append)).toEqual({ outcome: 'appended', sequence: 1 })
  })

  it('Y3: without a leader appends are unknown and reads fail; some appends come to light', async () => {
    let applied = 0
    for (let seed = 1; seed <= 30; seed++) {
      begin(seed)
      const log = await soon(nats.stream('S', settings))
      service.startElection()
      expect(await soon(log.append(bytes('a'), 0))).toMatchObject({ outcome: 'unknown' })
      await expect(soon(log.at(1))).rejects.toThrow(NatsUnreachable)
      service.endElection()
      const found = await soon(log.at(1))
      if (found !== undefined) applied++
      expect(await soon(log.append(bytes('b'), 0))).toMatchObject({
        outcome: found === undefined ? 'appended' : 'conflict',
      })
    }
    expect(applied).toBeGreaterThan(5)
    expect(applied).toBeLessThan(25)
  })

  it('a lost reply leaves the append stored and unknown', async () => {
    weather.replyLoss = 1
    const log = await soon(nats.stream('S', settings))
    expect(await soon(log.append(bytes('a'), 0))).toMatchObject({ outcome: 'unknown' })
    expect(kept('S')).toEqual(['a'])
  })

  it('a late append arrives after its writer gave up, and still meets its condition', async () => {
    weather.lateAppend = 1
    const log = await soon(nats.stream('S', settings))
    expect(await soon(log.append(bytes('late'), 0))).toMatchObject({ outcome: 'unknown' })
    expect(kept('S')).toEqual([])
    await pass(60_000)
    expect(kept('S')).toEqual(['late'])

    expect(await soon(log.append(bytes('later'), 1))).toMatchObject({ outcome: 'unknown' })
    weather.lateAppend = 0
    expect(await soon(log.append(bytes('now'), 1))).toMatchObject({ outcome: 'appended' })
    await pass(60_000)
    expect(kept('S')).toEqual(['late', 'now'])
  })

  it('Y5: appends of a process that is cut off are unknown; half of them got through', async () => {
    let applied = 0
    for (let seed = 1; seed <= 40; seed++) {
      begin(seed)
      const log = await soon(nats.stream('S', settings))
      service.cut(process)
      expect(await soon(log.append(bytes('a'), 0))).toMatchObject({ outcome: 'unknown' })
      await expect(soon(log.bounds())).rejects.toThrow(NatsUnreachable)
      applied += kept('S').length
    }
    expect(applied).toBeGreaterThan(8)
    expect(applied).toBeLessThan(32)
    expect(counts.of('nats_cut')).toBeGreaterThan(0)
  })

  it('Y4: what is in flight ends when the loss of the connection is noticed', async () => {
    weather.timeoutMs = 1_000_000
    const log = await soon(nats.stream('S', settings))
    service.cut(process)
    const changes: boolean[] = []
    nats.onConnection((connected) => changes.push(connected))
    expect(await soon(log.append(bytes('a'), 0))).toMatchObject({ outcome: 'unknown' })
    expect(nats.connected).toBe(false)
    service.mend(process)
    await pass(20_000)
    expect(changes).toEqual([false, true])
    expect(await soon(log.bounds())).toBeDefined()
  })
})

describe('a bucket of the simulated NATS', () => {
  it('sets a key by its revision only; 0 means that it is not there', async () => {
    const bucket = await soon(nats.bucket('B', settings))
    expect(await soon(bucket.put('k', bytes('a'), 0))).toEqual({ outcome: 'appended', sequence: 1 })
    expect(await soon(bucket.put('k', bytes('b'), 0))).toEqual({ outcome: 'conflict' })
    expect(await soon(bucket.put('k', bytes('b'), 1))).toEqual({ outcome: 'appended', sequence: 2 })
    expect(await soon(bucket.remove('k', 1))).toEqual({ outcome: 'conflict' })
    expect(await soon(bucket.remove('k', 2))).toEqual({ outcome: 'appended', sequence: 3 })
    expect(await soon(bucket.get('k'))).toBeUndefined()
    expect(await soon(bucket.put('k', bytes('c'), 0))).toEqual({ outcome: 'appended', sequence: 4 })
    expect((await soon(bucket.history('k'))).map(({ value }) => text(value))).toEqual([
      'a',
      'b',
      'c',
    ])
  })

  it('keeps 64 values of a key', async () => {
    const bucket = await soon(nats.bucket('B', settings))
    for (let i = 0; i < 70; i++) await soon(bucket.put('k', bytes(`${i}`), i))
    const history = await soon(bucket.history('k'))
    expect(history.map(({ revision }) => revision)).toEqual(
      Array.from({ length: 64 }, (_, i) => i + 7),
    )
  })

  it('a stale read gives a value of the past', async () => {
    const bucket = await soon(nats.bucket('B', settings))
    await soon(bucket.put('k', bytes('old'), 0))
    await pass(100_000)
    await soon(bucket.put('k', bytes('new'), 1))
    weather.staleGet = 1
    expect(text((await soon(bucket.get('k')))?.value)).toBe('old')
    await pass(100_000)
    expect(text((await soon(bucket.get('k')))?.value)).toBe('new')
  })

  it('Y6: a watch tells the present, each change in order, and what was missed after a cut', async () => {
    weather.lateWatch = 0.5
    const bucket = await soon(nats.bucket('B', settings))
    const writer = await soon(others.bucket('B', settings))
    await soon(writer.put('a.1', bytes('x'), 0))
    await soon(writer.put('b.1', bytes('x'), 0))
    const told: KeyChange[] = []
    const stop = bucket.watch('a.', (change) => told.push(change))
    for (let i = 1; i < 20; i++) {
      if (i === 5) service.cut(process)
      if (i === 15) service.mend(process)
      const revision = told.length === 0 ? 1 : service.bucket('B').get('a.1')!.revision
      await soon(writer.put('a.1', bytes(`${i}`), revision))
    }
    await soon(writer.remove('a.1', service.bucket('B').get('a.1')!.revision))
    await pass(60_000)
    expect(told.map(({ revision }) => revision)).toEqual([
      1,
      ...Array.from({ length: 20 }, (_, i) => i + 3),
    ])
    expect(told.at(-1)?.value).toBeUndefined()
    expect(counts.of('nats_missed_watch')).toBeGreaterThan(0)
    stop()
    await soon(writer.put('a.1', bytes('unheard'), 0))
    await pass(60_000)
    expect(told).toHaveLength(21)
  })
})

describe('the bus of the simulated NATS', () => {
  it('brings messages in order to whoever listens, to the sender too', async () => {
    const heard: string[] = []
    nats.bus.subscribe('sp.*.go', ({ bytes }) => heard.push(`own ${text(bytes)}`))
    const stop = others.bus.subscribe('sp.>', ({ bytes }) => heard.push(text(bytes)!))
    for (let i = 0; i < 20; i++) nats.bus.publish('sp.x.go', bytes(`${i}`))
    nats.bus.publish('other', bytes('no'))
    await pass(1_000)
    expect(heard.filter((line) => !line.startsWith('own')).map(Number)).toEqual([
      ...Array(20).keys(),
    ])
    expect(heard).toHaveLength(40)
    stop()
    nats.bus.publish('sp.y.stop', bytes('unheard'))
    await pass(1_000)
    expect(heard).toHaveLength(40)
  })

  it('answers a request; without a listener or an answer it fails', async () => {
    others.bus.subscribe('ask', ({ respond, bytes: asked }) => respond(bytes(`${text(asked)}!`)))
    others.bus.subscribe('silence', () => undefined)
    expect(text(await soon(nats.bus.request('ask', bytes('hey'), 1_000)))).toBe('hey!')
    for (const subject of ['nobody', 'silence']) {
      await expect(soon(nats.bus.request(subject, bytes(''), 500))).rejects.toThrow(NatsUnreachable)
    }
    service.cut(other)
    await expect(soon(nats.bus.request('ask', bytes('hey'), 500))).rejects.toThrow(NatsUnreachable)
  })

  it('loses, repeats, delays and reorders by chance; loses what is sent while cut off', async () => {
    const heard: number[] = []
    others.bus.subscribe('s', ({ bytes }) => heard.push(Number(text(bytes))))
    Object.assign(weather, { busLoss: 0.1, busDuplicate: 0.1, busDelay: 0.1, busReorder: 0.1 })
    for (let i = 0; i < 200; i++) nats.bus.publish('s', bytes(`${i}`))
    await pass(10_000)
    expect(new Set(heard).size).toBeLessThan(200)
    expect(heard.length).toBeGreaterThan(new Set(heard).size)
    expect(heard).not.toEqual([...heard].sort((a, b) => a - b))
    for (const kind of ['bus_loss', 'bus_duplicate', 'bus_delay', 'bus_reorder'] as const) {
      expect(counts.of(kind)).toBeGreaterThan(0)
    }
    heard.length = 0
    service.cut(process)
    nats.bus.publish('s', bytes('999'))
    service.mend(process)
    await pass(10_000)
    expect(heard).toEqual([])
  })

  it('a closed connection hears and says nothing', async () => {
    const heard: string[] = []
    nats.bus.subscribe('s', ({ bytes }) => heard.push(text(bytes)!))
    await nats.close()
    others.bus.publish('s', bytes('x'))
    await pass(1_000)
    expect(heard).toEqual([])
    expect(await soon(others.stream('S', settings))).toBeDefined()
    await expect(soon(nats.stream('S', settings))).rejects.toThrow(NatsUnreachable)
  })
})

describe('a seed', () => {
  it('does the same again', async () => {
    const hashes: string[] = []
    for (let round = 0; round < 2; round++) {
      begin(7)
      Object.assign(weather, { replyLoss: 0.2, lateAppend: 0.2, busLoss: 0.2 })
      const log = await soon(nats.stream('S', settings))
      for (let i = 0; i < 30; i++) {
        nats.bus.publish('s', bytes(`${i}`))
        await soon(log.append(bytes(`${i}`), i))
      }
      hashes.push(kernel.hash)
    }
    expect(hashes[0]).toBe(hashes[1])
  })
})

describe('subjects', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.*', true],
    ['a.b.c', 'a.*', false],
    ['a.b.c', 'a.>', true],
    ['a', 'a.>', false],
    ['a', 'a.b', false],
    ['a.b', 'a', false],
    ['x.b', 'a.*', false],
  ])('%s under %s: %s', (subject, pattern, fits) => {
    expect(subjectFits(subject, pattern)).toBe(fits)
  })
})
