import { expect, it } from 'vitest'
import { nodeEnv, type ShardNode } from '../../runtime/index.js'
import { ShardKeeper } from './shard-keeper.js'

type Served = Pick<ShardNode, 'open' | 'handOver' | 'prepare' | 'forget' | 'drop' | 'serves'>

const hopsMax = 12

it.each(Array.from({ length: hopsMax }, (_, hops) => hops))(
  'K1: what is asked for %i microtasks after the last thing was done is done too',
  async (hops) => {
    const done: string[] = []
    let opened = (): void => undefined
    const opening = new Promise<void>((resolve) => (opened = resolve))
    const node: Served = {
      open: () => opening,
      handOver: () => {
        done.push('sealed')
        return Promise.resolve(true)
      },
      prepare: () => Promise.resolve(),
      forget: () => undefined,
      drop: () => undefined,
      serves: () => true,
    }
    const keeper = new ShardKeeper(nodeEnv(), node as unknown as ShardNode, {
      ready: () => Promise.resolve(),
      handOver: () => Promise.resolve(done.push('handed over')),
      knownOrdinal: () => 0,
      report: () => undefined,
    })
    keeper.open(3)
    opened()
    for (let hop = 0; hop < hops; hop++) await Promise.resolve()
    keeper.drain(3)
    await new Promise((resolve) => setImmediate(resolve))
    expect(done).toEqual(['sealed', 'handed over'])
  },
)
