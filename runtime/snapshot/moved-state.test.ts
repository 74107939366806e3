/** A state on its way to another thread: what arrives is what left, and goes on as it would have. */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { lastingMemory } from '../off-heap.js'
import { ShardState } from '../shard/shard-state.js'
import { difference } from '../simulation/digest.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { memoryOf, putTogether, takeApart, type MovedState } from './moved-state.js'
import { snapshotBlocks } from './snapshot-blocks.js'
import { SnapshotRestore } from './snapshot-restore.js'

/** Full jars are packed; one is answered with what its key has to keep. */
const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { filled: (state, { by }: { by: number }) => ({ beans: state.beans + by }) },
  history: ({ before, after }) => [before.beans, after.beans],
  passivate: { when: ({ beans }) => beans % 3 === 0 },
  commands: {
    fill(turn, { by }: { by: number }) {
      if (by === 0) return turn.refuse('empty', 'Nothing to fill in.')
      turn.emit('filled', { by })
      return turn.state.beans
    },
    pour(turn, { by, into }: { by: number; into: string }) {
      turn.emit('filled', { by: -by })
      turn.send(addressOf('jar', into), 'fill', { by })
      turn.after(1e9, 'fill', { by: 1 })
      return { poured: by, into }
    },
  },
})

const shards = 2

/** Through a port, as between two threads. */
function posted(moved: MovedState): MovedState {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(moved, memoryOf(moved))
  const { message } = receiveMessageOnPort(port2) as { message: MovedState }
  port1.close()
  return message
}

function emptyLike({ shard, kinds }: ShardState, lasting: boolean): ShardState {
  const options = { shard, shards, kinds, keyRetentionMs: 86_400_000 }
  return new ShardState(lasting ? { ...options, memory: lastingMemory } : options)
}

function copyOf(state: ShardState, lasting: boolean): ShardState {
  const copy = emptyLike(state, lasting)
  const restore = new SnapshotRestore(copy)
  for (const block of snapshotBlocks(state)) restore.add(block)
  return copy
}

function moved(state: ShardState): ShardState {
  const arrived = emptyLike(state, false)
  putTogether(posted(takeApart(state)), arrived)
  return arrived
}

/** Rows of all actors' histories. */
function rowsOf(state: ShardState): string[] {
  const rows: string[] = []
  const cut = state.store.cut()
  cut.read(
    ({ address, history }) =>
      rows.push(JSON.stringify([address, state.history.read(history, 1e9)])),
    0,
    cut.slots,
  )
  return rows.sort()
}

interface Step {
  readonly command: string
  readonly key: number
  readonly by: number
  readonly into: number
}

/** Asks for some things, one after the other. @param firstKey number of the first idempotency key */
async function ask(jars: ShardsInMemory, steps: readonly Step[], firstKey: number): Promise<void> {
  for (const [i, { command, key, by, into }] of steps.entries()) {
    const name = command === 'pour' ? 'pour' : 'fill'
    const input = name === 'pour' ? { by, into: `j${into}` } : { by }
    await jars.command(addressOf('jar', `j${key}`), name, input, `k${firstKey + i}`)
  }
}

function expectSame(arrived: ShardsInMemory, stayed: ShardsInMemory): void {
  for (const [shard, state] of stayed.states.entries()) {
    const other = arrived.states[shard]!
    expect(difference(other, state)).toBeUndefined()
    expect(rowsOf(copyOf(other, false))).toEqual(rowsOf(copyOf(state, false)))
  }
}

describe('a state that is moved to another thread', () => {
  const step = fc.record({
    command: fc.constantFrom('fill', 'fill', 'pour'),
    ...{ key: fc.nat(12), by: fc.nat(4), into: fc.nat(12) },
  })

  it('N15: arrives as it left, whatever happened, and goes on as the one that stayed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, lasting) => {
        const stayed = new ShardsInMemory({ definitions: [jar] }, { shards })
        await ask(stayed, steps, 0)
        const arrived = new ShardsInMemory({ definitions: [jar] }, { shards })
        arrived.states = stayed.states.map((state) => moved(copyOf(state, lasting)))
        expectSame(arrived, stayed)
        arrived.env.wall = stayed.env.wall
        arrived.start()
        // Half of the keys are known on both.
        for (const one of [arrived, stayed]) await ask(one, steps, Math.floor(steps.length / 2))
        expectSame(arrived, stayed)
        expect(arrived.failures).toEqual([])
      }),
      { numRuns: 40 },
    )
  })
})
