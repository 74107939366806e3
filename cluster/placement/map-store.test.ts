import { beforeEach, describe, expect, it } from 'vitest'
import { bucketName, Process, SimulatedCluster } from '../membership/testing/simulated-cluster.js'
import { NatsRefused, type KeyBucket } from '../../transport/index.js'
import { MapStore } from './map-store.js'
import { decodeMap, emptyMap, encodeMap, mapKey, type ShardMap } from './shard-map.js'
import { changeMap } from './transitions.js'

let cluster: SimulatedCluster
let bucket: KeyBucket
let store: MapStore
let process: Process
let reports: string[]

const kept = (): { revision: number; value: Uint8Array } | undefined =>
  cluster.service.bucket(bucketName).get(mapKey)

/** What somebody else writes; undefined removes it. */
function writes(bytes: Uint8Array | undefined): void {
  cluster.service.bucket(bucketName).change(mapKey, bytes, kept()?.revision ?? 0, 0)
}

function drained(map: ShardMap, member: string): ShardMap | undefined {
  const result = changeMap(map, [{ type: 'drain', member }], () => false)
  return 'map' in result ? result.map : undefined
}

beforeEach(async () => {
  cluster = new SimulatedCluster(1)
  cluster.service.bucket(bucketName).listeners.clear()
  process = new Process(cluster.kernel, cluster.random)
  bucket = await cluster.soon(cluster.service.connect(process).bucket(bucketName, { replicas: 3 }))
  reports = []
  const report = (event: string): void => void reports.push(event)
  store = new MapStore({ env: process.env, bucket, attemptMs: 800, report })
  store.start()
  const change = store.change(
    (map) => (map === undefined ? emptyMap(4, 1) : undefined),
    () => true,
  )
  expect(await cluster.soon(change)).toBe('changed')
})

describe('the shard map of a node', () => {
  it('P6: is decided again from what it has become meanwhile', async () => {
    writes(encodeMap(drained(emptyMap(4, 1), 'other')!))
    const seen: number[] = []
    const change = store.change(
      (map) => {
        seen.push(map!.version)
        return map!.draining.includes('mine') ? undefined : drained(map!, 'mine')
      },
      () => true,
    )
    expect(await cluster.soon(change)).toBe('changed')
    expect(seen).toEqual([1, 2])
    expect(decodeMap(kept()!.value)).toMatchObject({ version: 3, draining: ['other', 'mine'] })
  })

  it('P6: a write whose reply is lost is done once', async () => {
    cluster.weather.replyLoss = 1
    const change = store.change(
      (map) => (map!.draining.includes('mine') ? undefined : drained(map!, 'mine')),
      () => true,
    )
    expect(await cluster.soon(change)).toBe('nothing')
    expect(decodeMap(kept()!.value)).toMatchObject({ version: 2, draining: ['mine'] })
  })

  it('P5: never goes back, whoever says so', async () => {
    writes(encodeMap(drained(emptyMap(4, 1), 'other')!))
    await cluster.pass(1_000)
    expect(store.map?.version).toBe(2)
    writes(encodeMap(emptyMap(4, 1)))
    await cluster.pass(1_000)
    expect(store.map?.version).toBe(2)
    expect(reports).toEqual(['map_broken'])
  })

  it.each([
    ['not in order', Buffer.from('{}'), 'map_broken'],
    ['of newer code', Buffer.from('{"layout":2}'), 'map_newer'],
  ])('P1: %s is not used, and nothing is written over it', async (_, bytes, code) => {
    writes(bytes)
    await cluster.pass(1_000)
    const { revision } = kept()!
    const change = store.change(
      (map) => drained(map!, 'mine'),
      () => true,
    )
    expect(await cluster.soon(change)).toBe('given_up')
    expect(kept()!.revision).toBe(revision)
    expect([store.map?.version, reports]).toEqual([1, [code]])
    writes(encodeMap(drained(emptyMap(4, 1), 'repaired')!))
    await cluster.pass(1_000)
    expect(store.map?.draining).toEqual(['repaired'])
  })

  it('P8: one that was removed is told, left alone by decisions, and put back as a later version', async () => {
    writes(undefined)
    await cluster.pass(1_000)
    const change = store.change(
      (map) => drained(map!, 'mine'),
      () => true,
    )
    expect(await cluster.soon(change)).toBe('given_up')
    expect([kept(), store.isLost, reports]).toEqual([undefined, true, ['map_lost']])
    await cluster.soon(store.restore(() => false))
    expect(kept()).toBeUndefined()
    await cluster.soon(store.restore(() => true))
    expect(decodeMap(kept()!.value)).toEqual({ ...emptyMap(4, 1), version: 2 })
    expect([store.isLost, reports]).toEqual([false, ['map_lost', 'map_restored']])
  })

  it('P8: is put back from what the bucket keeps, which may be newer than what is known', async () => {
    const late = new MapStore({ env: process.env, bucket, attemptMs: 800 })
    writes(encodeMap(drained(emptyMap(4, 1), 'other')!))
    writes(undefined)
    late.start()
    await cluster.pass(1_000)
    expect([late.map, late.isLost]).toEqual([undefined, true])
    await cluster.soon(late.restore(() => true))
    expect(decodeMap(kept()!.value)).toMatchObject({ version: 3, draining: ['other'] })
    await cluster.pass(1_000)
    expect(store.map).toEqual(late.map)
  })

  it.each([
    ['by what is none', Buffer.from('{}')],
    ['by an older one', encodeMap(emptyMap(4, 1))],
  ])('P8: one that was written over %s is put back as a later version', async (_, bytes) => {
    writes(encodeMap(drained(emptyMap(4, 1), 'other')!))
    await cluster.pass(1_000)
    writes(bytes)
    await cluster.pass(1_000)
    expect([store.map?.version, store.isToRestore, reports]).toEqual([2, true, ['map_broken']])
    await cluster.soon(store.restore(() => true))
    expect(decodeMap(kept()!.value)).toMatchObject({ version: 3, draining: ['other'] })
    expect([store.isToRestore, reports]).toEqual([false, ['map_broken', 'map_restored']])
    const change = store.change(
      (map) => drained(map!, 'mine'),
      () => true,
    )
    expect(await cluster.soon(change)).toBe('changed')
  })

  it('P8: whoever begins on what is no map puts the newest one back', async () => {
    writes(encodeMap(drained(emptyMap(4, 1), 'other')!))
    writes(Buffer.from('{}'))
    const late = new MapStore({ env: process.env, bucket, attemptMs: 800 })
    late.start()
    await cluster.pass(1_000)
    expect([late.map, late.isToRestore]).toEqual([undefined, true])
    await cluster.soon(late.restore(() => true))
    expect(decodeMap(kept()!.value)).toMatchObject({ version: 3, draining: ['other'] })
  })

  it('P8: what newer code wrote stays', async () => {
    writes(Buffer.from('{"layout":2}'))
    await cluster.pass(1_000)
    expect(store.isToRestore).toBe(false)
  })

  it('P8: one that is gone without a trace is told once, and no decision waits for it', async () => {
    const empty = { ...bucket, get: () => Promise.resolve(undefined) }
    const conflict = { outcome: 'conflict' } as const
    const report = (event: string): void => void reports.push(event)
    const gone = {
      ...empty,
      watch: bucket.watch.bind(bucket),
      put: () => Promise.resolve(conflict),
    }
    const other = new MapStore({ env: process.env, bucket: gone, attemptMs: 800, report })
    other.start()
    await cluster.pass(1_000)
    for (let asked = 0; asked < 2; asked++) {
      const change = other.change(
        (map) => drained(map!, 'mine'),
        () => true,
      )
      expect(await cluster.soon(change)).toBe('given_up')
    }
    expect(reports).toEqual(['map_lost'])
  })

  it('one that somebody put back as it was is taken', async () => {
    writes(Buffer.from('{}'))
    writes(encodeMap(emptyMap(4, 1)))
    await cluster.pass(1_000)
    const change = store.change(
      (map) => drained(map!, 'mine'),
      () => true,
    )
    expect(await cluster.soon(change)).toBe('changed')
    expect(reports).toEqual(['map_broken'])
  })

  it('tells what NATS refuses a look of its own, and looks again later', async () => {
    const refused = new NatsRefused('nats_permission', 'You may not read this.')
    const refusing = { ...bucket, get: () => Promise.reject(refused) }
    const report = (event: string): void => void reports.push(event)
    const other = new MapStore({ env: process.env, bucket: refusing, attemptMs: 800, report })
    for (const looks of [1, 2]) {
      other.lookUp()
      other.lookUp()
      await cluster.pass(2_500)
      expect(reports).toEqual(Array.from({ length: looks }, () => 'map_trouble'))
    }
  })

  it('gives up when it is told to', async () => {
    cluster.service.startElection()
    let goOn = true
    const change = store.change(
      (map) => drained(map!, 'mine'),
      () => goOn,
    )
    await cluster.pass(5_000)
    goOn = false
    expect(await cluster.soon(change)).toBe('given_up')
  })
})
