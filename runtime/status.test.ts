/** What a runtime shows of its shards while its disk takes nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Disk } from './env/env.js'
import { nodeEnv } from './env/node-env.js'
import { defineActor } from './index.js'
import { openRuntime } from './runtime.js'

const dataDir = mkdtempSync(join(tmpdir(), 'suanpan-status-'))
afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

const counter = defineActor({
  kind: 'counter',
  state: { value: 0 },
  events: { added: (state, _data: null) => ({ value: state.value + 1 }) },
  commands: { add: (turn) => turn.emit('added', null) },
})

it.each([true, false])('G1: waits as long as it is told, tallies %s', async (tallies) => {
  const real = nodeEnv()
  let stuck: Promise<void> | undefined
  const disk: Disk = {
    ...real.disk,
    open: async (path, mode) => {
      const file = await real.disk.open(path, mode)
      const sync = async (): Promise<void> => {
        await stuck
        await file.sync()
      }
      return {
        read: (position, length) => file.read(position, length),
        write: (bytes, position) => file.write(bytes, position),
        size: () => file.size(),
        close: () => file.close(),
        sync,
      }
    },
  }
  const actors = { definitions: [counter] }
  const runtime = await openRuntime({ ...real, disk }, { dataDir, actors, threads: 0, shards: 2 })
  await runtime.actor(counter, 'visits').add(undefined)
  let free: () => void = () => undefined
  stuck = new Promise((resolve) => (free = resolve))
  const added = runtime.actor(counter, 'visits').add(undefined)
  const shards = async (waitMs?: number): Promise<number[]> =>
    (await runtime.shardStatus({ tallies, ...(waitMs === undefined ? {} : { waitMs }) })).map(
      ({ shard }) => shard,
    )
  await expect.poll(() => shards(20)).toEqual([])
  expect(await runtime.ready()).toBe(false)
  const patient = shards()
  free()
  stuck = undefined
  expect(await patient).toEqual([0, 1])
  expect(await shards(20)).toEqual([0, 1])
  expect(await runtime.ready()).toBe(true)
  await added
  await runtime.close()
})
