import { describe, expect, it, vi } from 'vitest'
import type { NodeStatus, ShardStatus } from '../../membership/control.js'
import type { NodeVitals, ShardVitals } from '../../node/vitals.js'
import { settledLook, whyNotReady } from './cluster-status.js'

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

describe('S2: what may just have been handed over is looked at again', () => {
  const looked = async (...seen: readonly ReturnType<typeof serves>[][]) => {
    vi.useFakeTimers()
    try {
      let looks = 0
      const look = () => {
        const vitals = seen[Math.min(looks++, seen.length - 1)]!
        return Promise.resolve({ status: { nodes, shards }, vitals })
      }
      const settled = settledLook(look)
      await vi.runAllTimersAsync()
      return { why: whyNotReady({ nodes, shards }, (await settled).vitals), looks }
    } finally {
      vi.useRealTimers()
    }
  }

  it('until its new owner serves it', async () => {
    const between = [serves('a', 0), serves('b', 1)]
    const after = [serves('a', 0), serves('b', 1, 2)]
    expect(await looked(between, between, after)).toEqual({ why: undefined, looks: 3 })
    expect(await looked(after)).toEqual({ why: undefined, looks: 1 })
  })

  it('but not for ever, nor what waits for its storage', async () => {
    const between = [serves('a', 0), serves('b', 1)]
    const { why, looks } = await looked(between)
    expect(why).toContain('not served by the owner yet: 2;')
    expect(looks).toBe(5)
    const leftOut = [serves('a', 0), { ...serves('b', 1), leftOut: [2] }]
    expect(await looked(leftOut)).toMatchObject({ looks: 1 })
  })
})
