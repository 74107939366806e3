import { describe, expect, it } from 'vitest'
import { Kinds } from '../actor/kinds.js'
import { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { FrameBody } from './committed-turn.js'
import { formatsAlone, formatsRead, type FormatRange, type ShardFormats } from './formats.js'
import { replayFrame } from './replay.js'
import { ShardState } from './shard-state.js'

const kinds = new Kinds({ definitions: [] })
const [oldest, newest] = formatsRead

function stateWith(formats: ShardFormats): ShardState {
  return new ShardState({ shard: 0, shards: 1, kinds, keyRetentionMs: 1_000, formats })
}

function reader(reads: FormatRange): ShardState {
  return stateWith({ reads, writes: reads[0] })
}

/** Opens what a program wrote that was told to write a format. */
const openings = {
  frame: (format: number, reads: FormatRange): void => {
    const body = new FrameBody().take({ format, sequence: 1 })
    replayFrame(reader(reads), {
      ...{ shard: 0, firstOrdinal: 1, count: 1, time: 1, body, epoch: 1, previousCrc: 0, crc: 0 },
    })
  },
  snapshot: (format: number, reads: FormatRange): void => {
    const restore = new SnapshotRestore(reader(reads))
    const written = stateWith({ reads: [format, format], writes: format })
    for (const block of snapshotBlocks(written)) restore.add(block)
  },
}

describe.each(['frame', 'snapshot'] as const)('F1: a %s carries its format', (what) => {
  const open = openings[what]
  it.each([
    [newest, formatsRead],
    [oldest, formatsRead],
    [newest + 1, [newest, newest + 1]],
    [newest, [newest, newest + 1]],
  ] as const)('%i is read by who reads %j', (format, reads) => {
    expect(() => open(format, reads)).not.toThrow()
  })

  it.each([
    [newest + 1, formatsRead, 'newer_format'],
    [oldest - 1, formatsRead, 'older_format'],
    [newest, [newest + 1, newest + 2], 'older_format'],
  ] as const)('%i is refused by who reads %j, by name', (format, reads, code) => {
    expect(() => open(format, reads)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`has format ${format}`) }),
    )
  })
})

it('F1: a program on its own writes the newest it knows', () => {
  expect(formatsAlone).toEqual({ reads: formatsRead, writes: newest })
})
