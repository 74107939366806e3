import { describe, expect, it } from 'vitest'
import type { ClusterStatus, NodeStatus, ShardStatus } from '../membership/control.js'
import { nodeMeant, untilEmpty, untilEven, untilMoved, type Pace } from './cluster-waits.js'
import { CommandFailed } from './problem.js'

/** A node with this id, called `node-<id>`. */
function node(id: string, more: Partial<NodeStatus> = {}): NodeStatus {
  return {
    ...{ id, name: `node-${id}`, slot: 0, state: 'up', address: '', reads: [1, 1], capacity: 1 },
    ...{ since: 0, silentMs: 0, shards: 0, ...more },
  }
}

/** A status in which shard 0 is at `owner`, and on its way to `next`. */
function at(owner: string, next: string | null, more: Partial<ClusterStatus> = {}): ClusterStatus {
  const shard: ShardStatus = {
    ...{ shard: 0, owner, next, ready: false, pinned: false, ordinal: null, load: null },
  }
  return {
    ...{ coordinator: 'a', term: 1, mapVersion: 5, format: 1 },
    ...{ nodes: [node('a'), node('b'), node('c')], shards: [shard], ...more },
  }
}

const away = new CommandFailed('no_coordinator', 'Nobody answered.')

/** A cluster that shows what is listed, one after the other, and the last one for ever. */
function showing(...seen: readonly (ClusterStatus | Error)[]) {
  const time = { ms: 0, looks: 0 }
  const pace: Pace = {
    now: () => time.ms,
    pause: (ms) => {
      time.ms += ms
      return Promise.resolve()
    },
  }
  const status = (): Promise<ClusterStatus> => {
    const next = seen[Math.min(time.looks++, seen.length - 1)]!
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
  }
  return { watched: { status }, pace, time }
}

describe('waiting for a move', () => {
  const move = { shard: 0, to: 'b', mapVersion: 5 }

  it('L1: it is done when the node that was asked for owns the shard', async () => {
    const { watched, pace, time } = showing(at('a', 'b'), at('a', 'b'), at('b', null))
    expect((await untilMoved(watched, move, pace)).shards[0]!.owner).toBe('b')
    expect(time.looks).toBe(3)
  })

  it.each([
    ['nothing is on its way any more', at('a', null)],
    ['it goes to another node instead', at('a', 'c')],
    ['its owner died, and another one got it', at('c', null)],
  ])('L1: it was called off when %s', async (_, then) => {
    const { watched, pace } = showing(at('a', 'b'), then)
    await expect(untilMoved(watched, move, pace)).rejects.toMatchObject({
      code: 'move_called_off',
      exitCode: 1,
      details: { shard: 0, owner: then.shards[0]!.owner },
      message: expect.stringContaining('node-b died, or did not take the shard in time'),
    })
  })

  it('L1: a coordinator that does not know of the move yet says nothing about it', async () => {
    const { watched, pace } = showing(at('a', null, { mapVersion: 4 }), at('b', null))
    expect((await untilMoved(watched, move, pace)).shards[0]!.owner).toBe('b')
  })

  it('L3: it goes on over the absence of the coordinator, as long as it may', async () => {
    const short = showing(at('a', 'b'), away, away, at('b', null))
    expect((await untilMoved(short.watched, move, short.pace)).shards[0]!.owner).toBe('b')
    const long = showing(at('a', 'b'), away)
    await expect(untilMoved(long.watched, move, long.pace)).rejects.toBe(away)
    const slow = showing(at('a', 'b'))
    await expect(untilMoved(slow.watched, move, slow.pace)).rejects.toMatchObject({
      code: 'not_ready',
    })
    const other = showing(new CommandFailed('unknown_cluster', 'There is none.'))
    await expect(untilMoved(other.watched, move, other.pace)).rejects.toThrow('There is none.')
    expect(other.time.looks).toBe(1)
  })

  it('a node is meant by its id, or by a name that only one live node has', () => {
    const named = (...nodes: NodeStatus[]) => at('a', null, { nodes })
    expect(nodeMeant(at('a', null), 'b')?.id).toBe('b')
    expect(nodeMeant(at('a', null), 'node-b')?.id).toBe('b')
    const before = node('x', { name: 'node-b', state: 'dead' })
    expect(nodeMeant(named(before, node('b')), 'node-b')?.id).toBe('b')
    expect(nodeMeant(named(node('x', { name: 'node-b' }), node('b')), 'node-b')).toBeUndefined()
  })
})

it('waiting for an empty node goes on over the absence of the coordinator', async () => {
  const full = at('a', null, {
    nodes: [node('a', { shards: 1, state: 'draining' }), node('b')],
  })
  const empty = at('b', null, { nodes: [node('a', { state: 'draining' }), node('b')] })
  const { watched, pace } = showing(full, away, empty)
  await expect(untilEmpty(watched, 'node-a', 5, pace)).resolves.toMatchObject({ coordinator: 'a' })
})

it('L4: waiting for an empty node ends when it takes shards again, by no map of before the drain', async () => {
  const nodes = (state: NodeStatus['state']) => [node('a', { shards: 1, state }), node('b')]
  const { watched, pace, time } = showing(
    at('a', null, { nodes: nodes('up'), mapVersion: 4 }),
    at('a', null, { nodes: nodes('draining'), mapVersion: 5 }),
    at('a', null, { nodes: nodes('up'), mapVersion: 6 }),
  )
  const waiting = untilEmpty(watched, 'node-a', 5, pace)
  await expect(waiting).rejects.toMatchObject({ code: 'drain_called_off' })
  expect(time.looks).toBe(3)
})

it.each(['up', 'joining'] as const)(
  'L4: a node that is %s again in its next life is not empty for having no shards yet',
  async (state) => {
    const died = node('a=1', { name: 'node-a', state: 'dead', shards: 1 })
    const { watched, pace } = showing(
      at('a', null, { nodes: [died, node('a=2', { name: 'node-a', state }), node('b')] }),
    )
    const waiting = untilEmpty(watched, 'node-a', 5, pace)
    await expect(waiting).rejects.toMatchObject({ code: 'drain_called_off' })
  },
)

describe('waiting for even nodes', () => {
  const never = () => Promise.reject(new Error('It was asked again.'))

  it('L2: between two moves, and before the first one, it is not over', async () => {
    const { watched, pace, time } = showing(
      at('a', null, { evening: true }),
      at('a', 'b', { evening: true }),
      at('b', null, { evening: true }),
      at('b', null, { evening: false }),
    )
    expect((await untilEven(watched, 1, never, pace)).evening).toBe(false)
    expect(time.looks).toBe(4)
  })

  it('L2: of an older coordinator, which does not say, it waits until nothing changes', async () => {
    const { watched, pace, time } = showing(
      at('a', null),
      at('b', null, { mapVersion: 6 }),
      at('b', 'c', { mapVersion: 7 }),
      at('c', null, { mapVersion: 8 }),
    )
    expect((await untilEven(watched, 1, never, pace)).mapVersion).toBe(8)
    // Three looks at changes, and two seconds of looks without one.
    expect(time.looks).toBe(4 + 20)
  })

  it('L2, L3: another coordinator is asked anew, as soon as it answers', async () => {
    const { watched, pace } = showing(
      at('a', 'b', { evening: true }),
      away,
      at('b', null, { term: 2, evening: false }),
      at('b', null, { term: 2, evening: false }),
      at('b', null, { term: 2, evening: true }),
      at('c', null, { term: 2, evening: false, mapVersion: 9 }),
    )
    let asked = 0
    const ask = (): Promise<void> => (++asked === 1 ? Promise.reject(away) : Promise.resolve())
    expect((await untilEven(watched, 1, ask, pace)).mapVersion).toBe(9)
    expect(asked).toBe(2)
  })
})
