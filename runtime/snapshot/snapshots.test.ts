import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Nats } from '../../transport/index.js'
import { connectNats } from '../../transport/nats/index.js'
import { NatsServers } from '../../transport/nats/testing/index.js'
import { nodeEnv } from '../env/node-env.js'
import { SimulatedWorld } from '../journal/jetstream/testing/simulated-world.js'
import { JournalEnv } from '../journal/testing/journal-env.js'
import { FileSnapshots } from './file-snapshots.js'
import { blocksOf, snapshotContract } from './snapshot.contract.js'
import { StreamSnapshots } from './stream-snapshots.js'

const durable = (): Promise<void> => Promise.resolve()

snapshotContract('snapshots as files', () => {
  const env = new JournalEnv()
  return {
    store: new FileSnapshots(env.disk, '/data/snapshots', Buffer.alloc(16, 7)),
    damage: async (_, { path }) => {
      const file = await env.disk.open(path, 'readwrite')
      const [byte] = await file.read(3_000, 1)
      await file.write(Buffer.of(byte! ^ 1), 3_000)
      await file.close()
    },
  }
})

describe('snapshots as files', () => {
  const folder = '/data/snapshots/00001'
  const write = (env: JournalEnv, ordinal: number, epoch: number, until = durable) => {
    const store = new FileSnapshots(env.disk, '/data/snapshots', Buffer.alloc(16, 7))
    return store.write(1, { ordinal, epoch, blocks: blocksOf(ordinal) }, until)
  }

  it('N16: the next one removes what earlier owners left half written, and nothing of a later one', async () => {
    const env = new JournalEnv()
    await write(env, 10, 1)
    for (const epoch of [1, 2, 3]) {
      const killed = write(env, 20, epoch, () => Promise.reject(new Error('killed')))
      await expect(killed).rejects.toThrow('killed')
    }
    await write(env, 30, 2)
    expect(await env.disk.list(folder)).toEqual([
      '0000000000000010-00000001.snap',
      '0000000000000020-00000003.snap.3.tmp',
      '0000000000000030-00000002.snap',
    ])
  })

  it('N16: an owner that wakes up over a file that is gone has been succeeded', async () => {
    const env = new JournalEnv()
    const late = write(env, 10, 1, () => write(env, 20, 2))
    await expect(late).rejects.toMatchObject({ code: 'fenced' })
    expect(await env.disk.list(folder)).toEqual(['0000000000000020-00000002.snap'])
  })
})

describe('in simulation', () => {
  const world = new SimulatedWorld(2)
  beforeAll(() => world.start())
  afterAll(() => world.stop())

  const storeOf = (cluster: string): StreamSnapshots => {
    const { process, nats } = world.process()
    return new StreamSnapshots(process.env, (shard) =>
      nats.stream(`SNAP_${cluster}_${shard}`, { replicas: 3 }),
    )
  }

  snapshotContract('snapshots on a simulated stream', () => {
    const cluster = randomUUID()
    return {
      store: storeOf(cluster),
      damage: (shard, { from }) => {
        const stream = world.service.stream(`SNAP_${cluster}_${shard}`)
        const bytes = Buffer.from(stream.at(from + 1)!)
        bytes[3_000]! ^= 1
        stream.damage(from + 1, bytes)
        return Promise.resolve()
      },
    }
  })

  const ordinals = async (store: StreamSnapshots): Promise<number[]> =>
    (await store.newest(1)).map(({ ordinal }) => ordinal)

  it('B1: one that was never finished is passed over, and goes with the older ones', async () => {
    const store = storeOf('unfinished')
    await store.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, durable)
    const died = store.write(1, { ordinal: 20, epoch: 1, blocks: blocksOf(2) }, () =>
      Promise.reject(new Error('died')),
    )
    await expect(died).rejects.toThrow('died')
    expect(await ordinals(store)).toEqual([10])
    await store.write(1, { ordinal: 30, epoch: 1, blocks: blocksOf(3) }, durable)
    await store.write(1, { ordinal: 40, epoch: 1, blocks: blocksOf(4) }, durable)
    await store.prune(1)
    expect(await ordinals(store)).toEqual([40, 30])
    const stream = world.service.stream('SNAP_unfinished_1')
    expect(stream.first).toBe((await store.newest(1))[1]?.from)
  })

  it('B1: one whose blocks changed on their way is none', async () => {
    const store = storeOf('changed')
    await store.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, durable)
    const block = Buffer.alloc(2 * 1024 * 1024, 'block')
    const rest = (): Promise<void> => {
      block.fill('other')
      return Promise.resolve()
    }
    const cut = { ordinal: 20, epoch: 1, blocks: [block], pace: { pieceBytes: 1, rest } }
    await expect(store.write(1, cut, durable)).rejects.toMatchObject({ code: 'journal_failed' })
    expect(await ordinals(store)).toEqual([10])
  })

  it('B2: a writer that finds a message of another between its own gives up, and hides nothing', async () => {
    const [zombie, owner] = [storeOf('mixed'), storeOf('mixed')]
    let goOn = (): void => undefined
    const paused = new Promise<void>((resolve) => (goOn = resolve))
    // It has written all but its end.
    const late = zombie.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, () => paused)
    await world.kernel.run(() => world.service.stream('SNAP_mixed_1').last > 1)
    await world.kernel.wait(1_000)
    for (const ordinal of [20, 30]) {
      await owner.write(1, { ordinal, epoch: 2, blocks: blocksOf(2) }, durable)
    }
    await owner.prune(1)
    goOn()
    await expect(late).rejects.toMatchObject({ code: 'journal_failed' })
    expect(await ordinals(owner)).toEqual([30, 20])
    for (const candidate of await owner.newest(1)) {
      let count = 0
      await owner.read(1, candidate, () => count++)
      expect(count).toBe(blocksOf(2).length)
    }
  })

  it('B4: chains of two owners stand apart, and none follows what another removed', async () => {
    const [zombie, owner] = [storeOf('chains'), storeOf('chains')]
    const write = async (
      store: StreamSnapshots,
      epoch: number,
      ordinal: number,
      after?: number,
    ): Promise<void> => {
      const follows = after === undefined ? {} : { follows: { ordinal: after, epoch } }
      const blocks = [Buffer.from(`${epoch}.${ordinal}`)]
      await store.write(1, { ordinal, epoch, blocks, ...follows }, durable)
    }
    await write(zombie, 1, 10)
    await write(owner, 2, 20)
    await write(zombie, 1, 11, 10)
    await write(owner, 2, 30, 20)
    const places: [number, string][] = []
    for (const candidate of await owner.newest(1)) {
      const blocks: string[] = []
      await owner.read(1, candidate, (block) => blocks.push(Buffer.from(block).toString()))
      places.push([candidate.ordinal, blocks.join()])
    }
    expect(places).toEqual([
      [30, '2.20,2.30'],
      [20, '2.20'],
      [11, '1.10,1.11'],
      [10, '1.10'],
    ])
    await write(owner, 2, 40)
    const kept = await owner.prune(1)
    expect(kept.map(({ ordinal }) => ordinal)).toEqual([40, 30])
    await expect(write(zombie, 1, 12, 11)).rejects.toMatchObject({ code: 'journal_failed' })
    expect(await ordinals(owner)).toEqual([40, 30, 20])
  })

  it('a message that is gone is damage', async () => {
    const store = storeOf('gone')
    await store.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, durable)
    const [candidate] = await store.newest(1)
    world.service.stream('SNAP_gone_1').purge(2)
    await expect(store.read(1, candidate!, () => undefined)).rejects.toMatchObject({
      code: 'damaged',
      place: { file: candidate!.name },
    })
    expect(await ordinals(store)).toEqual([])
  })

  it('is written through elections and lost replies', async () => {
    const store = storeOf('trouble')
    Object.assign(world.weather, { replyLoss: 0.3, lateAppend: 0.2 })
    world.service.startElection()
    world.kernel.after(5_000, () => world.service.endElection())
    await store.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, durable)
    Object.assign(world.weather, { replyLoss: 0, lateAppend: 0 })
    expect(await ordinals(store)).toEqual([10])
  })

  it('gives up when told to', async () => {
    const store = storeOf('stopped')
    await store.newest(1)
    world.service.startElection()
    const write = store.write(1, { ordinal: 10, epoch: 1, blocks: blocksOf(1) }, durable)
    store.stop()
    await expect(write).rejects.toMatchObject({ code: 'nats_unreachable' })
    world.service.endElection()
  })
})

describe('on a real server', () => {
  let servers: NatsServers
  let nats: Nats
  beforeAll(async () => {
    servers = await NatsServers.start()
    nats = await connectNats({ servers: servers.addresses })
  })
  afterAll(async () => {
    await nats.close()
    await servers.stop()
  })

  it('snapshots are written, listed, read and pruned', async () => {
    const store = new StreamSnapshots(nodeEnv(), (shard) =>
      nats.stream(`SNAP_real_${shard}`, { replicas: 1 }),
    )
    for (const ordinal of [10, 20, 30]) {
      await store.write(1, { ordinal, epoch: 1, blocks: blocksOf(ordinal) }, durable)
      await store.prune(1)
    }
    const listed = await store.newest(1)
    expect(listed.map(({ ordinal }) => ordinal)).toEqual([30, 20])
    const blocks: Buffer[] = []
    await store.read(1, listed[0]!, (block) => blocks.push(Buffer.from(block)))
    expect(Buffer.concat(blocks).equals(Buffer.concat(blocksOf(30)))).toBe(true)
  })
})
