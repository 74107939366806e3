import { describe, expect, it } from 'vitest'
import { addressOf } from './address.js'
import { defineActor, type ActorDefinition, type Upcasters } from './define-actor.js'
import { Kinds } from './kinds.js'
import { replayFrame } from '../shard/replay.js'
import { ShardState } from '../shard/shard-state.js'
import { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'

/** A cup of some version; the tests' upcasters add a sip of sugar a version. */
function cup(version: number, upcast: Upcasters = {}): ActorDefinition {
  const definition = defineActor({
    kind: 'cup',
    state: { sips: 0 },
    events: { filled: (state, data: { sips: number }) => ({ sips: state.sips + data.sips }) },
    commands: { fill: (turn, sips: number) => turn.emit('filled', { sips }) },
  })
  return { ...definition, version, upcast }
}
const a = addressOf('cup', 'a')
const one = ({ sips }: { sips: number }): object => ({ sips: sips + 1 })
const none = (): undefined => undefined

/** What version 1 left. */
async function first(): Promise<ShardsInMemory> {
  const shards = new ShardsInMemory({ definitions: [cup(1)] }, { shards: 1 })
  await shards.command(a, 'fill', 5)
  return shards
}

function stateOf(definition: ActorDefinition): ShardState {
  const kinds = new Kinds({ definitions: [definition] })
  return new ShardState({ shard: 0, shards: 1, kinds, keyRetentionMs: 1_000 })
}

function sipsOf(state: ShardState): unknown {
  return state.load(a, state.kinds.get('cup')!).state
}

/** Opens what version 1 left with a later one. */
const opened = {
  journal: async (definition: ActorDefinition): Promise<unknown> => {
    const state = stateOf(definition)
    for (const frame of (await first()).frames) replayFrame(state, frame)
    return sipsOf(state)
  },
  snapshot: async (definition: ActorDefinition): Promise<unknown> => {
    const state = stateOf(definition)
    const restore = new SnapshotRestore(state)
    for (const block of snapshotBlocks((await first()).states[0]!)) restore.add(block)
    return sipsOf(state)
  },
}

const both = (upcasters: NonNullable<Upcasters['state']>): Upcasters => ({
  state: upcasters,
  events: { filled: upcasters },
})

describe.each(['journal', 'snapshot'] as const)('a %s of an older version', (what) => {
  const open = opened[what]

  it('is brought up step by step', async () => {
    expect(await open(cup(3, both({ 1: one, 2: one })))).toEqual({ sips: 7 })
  })

  it.each([
    ['no upcasters at all', undefined, 'of version 1, and no upcaster'],
    ['one missing on the way', both({ 1: one }), 'of version 2, and no upcaster'],
    ['one missing at the begin', both({ 2: one }), 'of version 1, and no upcaster'],
    ['one that gives nothing', both({ 1: one, 2: none }), 'from version 2 returned nothing'],
  ] as const)('is refused with %s', async (_what, upcast, message) => {
    const refused = { code: 'invalid_options', message: expect.stringContaining(message) }
    await expect(open(cup(3, upcast))).rejects.toMatchObject(refused)
  })
})

it.each([
  ['from its own version', 2, both({ 2: one })],
  ['from no version', 2, both({ 0: one })],
  ['that is no function', 2, { state: { 1: 7 as never } }],
  ['of an event that is not there', 2, { events: { emptied: { 1: one } } }],
])('an upcaster %s is refused with its definition', (_what, version, upcast) => {
  const refused = expect.objectContaining({ code: 'invalid_options' })
  expect(() => new Kinds({ definitions: [cup(version, upcast)] })).toThrow(refused)
})

it.each([0, 1.5, -1, 65_536, NaN])('the version %s is refused', (version) => {
  const refused = expect.objectContaining({ code: 'invalid_options' })
  expect(() => new Kinds({ definitions: [cup(version)] })).toThrow(refused)
})
