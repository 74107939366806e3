import { describe, expect, it } from 'vitest'
import type { NodeStatus, ShardStatus } from '../../membership/control.js'
import type { NodeVitals, ShardVitals } from '../../node/vitals.js'
import { whyNotReady } from './cluster-status.js'

const node = (id: string, silentMs = 100): NodeStatus =>
  ({ id, silentMs, state: 'up' }) as Partial<NodeStatus> as NodeStatus
const shard = (number: number, owner: string | null): ShardStatus =>
  ({ shard: number, owner }) as Partial<ShardStatus> as ShardStatus
const serves = (id: string, ...shards: number[]): Pick<NodeVitals, 'id' | 'shards'> => ({
  id,
  shards: shards.map((one) => ({ shard: one }) as Partial<ShardVitals> as ShardVitals),
})

const nodes = [node('a'), node('b')]
const shards = [shard(0, 'a'), shard(1, 'b'), shard(2, 'b')]

describe('S1: a cluster is ready', () => {
  it('when all shards are served, by whomever, as far as nodes answer', () => {
    expect(whyNotReady({ nodes, shards }, [serves('a', 0), serves('b', 1, 2)])).toBeUndefined()
    expect(whyNotReady({ nodes, shards }, [serves('a', 0, 1), serves('b', 2)])).toBeUndefined()
    expect(whyNotReady({ nodes, shards }, [serves('a', 0)])).toBeUndefined()
  })

  it('and not while an owner answers, and does not serve its shard', () => {
    const why = whyNotReady({ nodes, shards }, [serves('a', 0), serves('b')])
    expect(why).toContain('2 shards not served by the owner yet: 1, 2;')
  })

  it('nor without an owner that is heard', () => {
    const given = { nodes: [node('a'), node('b', 60_000)], shards: [...shards, shard(3, null)] }
    const why = whyNotReady(given, [serves('a')])
    expect(why).toMatch(/^3 shards without an owner that answers: 1, 2, 3; .*1 shard not served/)
  })
})
