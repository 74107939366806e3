import { expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { limits } from '../limits.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'

/** Sends to itself for ever, until it is stopped. */
const runner = defineActor({
  kind: 'runner',
  state: { steps: 0, stopped: false },
  events: {
    stepped: (state, _data: null) => ({ ...state, steps: state.steps + 1 }),
    stopped: (state, _data: null) => ({ ...state, stopped: true }),
  },
  home: () => 0,
  commands: {
    step(turn) {
      if (turn.state.stopped) return
      // Were there no bound, this would end the test instead of running for ever.
      if (turn.state.steps >= 100_000) throw new Error('nobody else was served')
      turn.emit('stepped', null)
      turn.send(turn.address, 'step', null)
    },
    stop: (turn) => turn.emit('stopped', null),
    other: (turn) => turn.emit('stepped', null),
  },
  queries: { steps: (view) => view.self.steps },
})

it.each([false, true])(
  'S3: an actor that sends to itself for ever leaves others their turns; lanes of one: %s',
  async (lanePerShard) => {
    const shards = new ShardsInMemory({ definitions: [runner] }, { shards: 2, lanePerShard })
    const endless = addressOf('runner', 'endless')
    const others = 2 * limits.requestsAtOnce
    const ids = [shards.submit('command', endless, 'step')]
    for (let i = 0; i < others; i++) {
      ids.push(shards.submit('command', addressOf('runner', `other${i}`), 'other'))
    }
    // Behind more than the endless one's shard handles before the messages have their turn.
    ids.push(shards.submit('command', endless, 'stop'))
    await shards.settle()
    for (const id of ids) expect(shards.answerOf(id)?.kind).toBe('value')
    expect(shards.failures).toEqual([])
    expect(shards.host.quarantined()).toEqual([])
    const steps = (await shards.query(endless, 'steps'))?.value as number
    expect(steps).toBeGreaterThan(0)
    expect(steps).toBeLessThanOrEqual(8 * limits.messagesAtOnce)
  },
)
