import { describe, expect, it } from 'vitest'
import { defineActor } from '../actor/define-actor.js'
import { Kinds } from '../actor/kinds.js'
import { FrameBody, readFrameBody, requested, type TurnDraft } from './committed-turn.js'

const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: {
    filled: (state, { beans }: { beans: number }) => ({ beans: state.beans + beans }),
    labelled: (state, _: { label: string; by: string }) => state,
  },
  commands: {},
})
const { events } = new Kinds({ definitions: [jar] }).get('jar')!

function turnOf(event: string, data: object): TurnDraft {
  const handler = events.get(event)!
  return { events: [{ handler, address: 'jar/a', data }], messages: [], timers: [] }
}

const filled = turnOf('filled', { beans: 3 })
const labelled = turnOf('labelled', { label: 'kidney', by: 'me' })
const meta = { format: 3, sequence: 1 }

function frame(body: FrameBody, ...turns: TurnDraft[]): Uint8Array {
  for (const turn of turns)
    body.add({ cause: requested, key: undefined, quarantine: [], ...turn }, turn.events)
  return body.take(meta)
}

describe('a frame', () => {
  it('R-2: carries the names of its own turns alone, whatever its shard wrote before', () => {
    const body = new FrameBody()
    const first = frame(body, filled)
    const both = frame(body, labelled, filled)
    const again = frame(body, filled)
    expect(Buffer.from(again).equals(first)).toBe(true)
    expect(Buffer.from(again).includes('labelled')).toBe(false)
    expect(Buffer.from(again).includes('label')).toBe(false)
    const tags = readFrameBody(both, 0).turns.map((turn) => turn.events[0]!.tag)
    expect(tags).toEqual(['jar@1.labelled', 'jar@1.filled'])
  })

  it('forgets a draft that was taken away', () => {
    const body = new FrameBody()
    body.draft(labelled)
    body.undraft()
    const { turns } = readFrameBody(frame(body, filled), 0)
    expect(turns).toHaveLength(1)
    expect(turns[0]).toMatchObject({ events: [{ tag: 'jar@1.filled', data: { beans: 3 } }] })
  })
})
