import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Nats } from '../../../transport/index.js'
import { connectNats } from '../../../transport/nats/index.js'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { nodeEnv } from '../../env/node-env.js'
import { FrameSource, lineOf } from '../testing/frames.js'
import { openShardJournal, Patience, readShardJournal, type JetStreamLane } from './index.js'

const shard = 0
const name = 'SHARD_real_0'
const env = nodeEnv()

describe('three servers', () => {
  let servers: NatsServers
  let nats: Nats
  let other: Nats
  beforeAll(async () => {
    servers = await NatsServers.start({ servers: 3 })
    nats = await connectNats({ servers: servers.addresses })
    other = await connectNats({ servers: servers.addresses })
  })
  afterAll(async () => {
    await nats.close()
    await other.close()
    await servers.stop()
  })

  const open = async (of: Nats): Promise<JetStreamLane> =>
    openShardJournal(
      env,
      // Servers that have just begun, or lost a leader, may be slow to agree.
      await new Patience(env).until(() => of.stream(name, { replicas: 3 })),
      { shard, after: 0, owner: 'test', mayAnswer: () => true },
      () => undefined,
    )

  it('U1: appends through the death and the pause of leaders are there once, in order', async () => {
    const lane = await open(nats)
    const source = new FrameSource()
    const written: string[] = []
    const append = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const frame = source.next(shard, 2_000)
        await lane.append([frame])
        written.push(lineOf(frame))
      }
    }
    await append(50)
    const first = await servers.leaderOf(name)
    const through = append(100)
    await servers.kill(first)
    await through
    servers.restart(first)
    await servers.healthy()
    const second = await servers.leaderOf(name)
    const again = append(100)
    servers.pause(second)
    await again
    servers.resume(second)
    await append(20)
    const kept: string[] = []
    const log = await other.stream(name, { replicas: 3 })
    await readShardJournal(env, log, { shard, after: 0 }, (frame) => kept.push(lineOf(frame)))
    expect(kept).toEqual(written)

    const young = await open(other)
    const late = source.next(shard)
    await expect(lane.append([late])).rejects.toMatchObject({ code: 'fenced' })
    await young.append([late])
  })
})
