/** Threads that help to recover, for real: built workers, a folder on a real disk, states that come through ports. */
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActorModule } from '../actor/define-actor.js'
import { Kinds } from '../actor/kinds.js'
import { nodeEnv } from '../env/node-env.js'
import { openFolder, type JournalFolder } from '../journal/file/index.js'
import { createRuntime } from '../runtime.js'
import type { ShardState } from '../shard/shard-state.js'
import { difference } from '../simulation/digest.js'
import { putTogether } from '../snapshot/moved-state.js'
import { emptyState, recoverShards, type RecoveryScope } from './recover-shards.js'
import { helpersFor, type Recovered } from './recovery-helpers.js'
import type * as Helpers from './recovery-helpers.js'

const shards = 6
const built = (path: string): string => new URL(`../../dist/runtime/${path}`, import.meta.url).href
const work = mkdtempSync(join(tmpdir(), 'suanpan-helpers-'))
const original = join(work, 'original')
const module = pathToFileURL(join(work, 'jars.mjs')).href

/** As a user would write it, for the built package. */
const source = `
import { defineActor } from '${built('index.js')}'
const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { filled: (state, { by }) => ({ beans: state.beans + by }) },
  history: ({ before, after }) => [before.beans, after.beans],
  commands: {
    fill(turn, { by }) {
      turn.emit('filled', { by })
      return { beans: turn.state.beans, of: turn.key }
    },
  },
})
export const actors = { module: import.meta.url, definitions: [jar] }
`

async function actorsThere(): Promise<ActorModule> {
  return ((await import(module)) as { actors: ActorModule }).actors
}

beforeAll(async () => {
  writeFileSync(join(work, 'jars.mjs'), source)
  const runtime = await createRuntime({
    ...{ dataDir: original, actors: await actorsThere(), threads: 0, shards },
  })
  const fill = (round: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        runtime.command(`jar/j${i}`, 'fill', { by: round }, { idempotencyKey: `${i}-${round}` }),
      ),
    )
  await fill(1)
  await runtime.snapshot()
  await fill(2)
  await runtime.close()
})
afterAll(() => {
  rmSync(work, { recursive: true })
})

/** A copy of the folder, opened. */
async function openCopy(name: string, harm: (folder: string) => void = () => undefined) {
  const dataDir = join(work, name)
  cpSync(original, dataDir, { recursive: true })
  harm(dataDir)
  const folder = await openFolder(nodeEnv(), { dataDir, takeOver: false })
  const scope: RecoveryScope = {
    ...{ thread: 0, threads: 1, shards, dataDir, plan: folder.plan },
    keyRetentionMs: 86_400_000,
  }
  return { folder, scope }
}

/** What two helpers recover, while the thread they help does nothing. */
async function helped(folder: JournalFolder, scope: RecoveryScope): Promise<readonly Recovered[]> {
  const { startHelpers } = (await import(built('threads/recovery-helpers.js'))) as typeof Helpers
  const help = startHelpers(2, module, scope)
  try {
    return await help.recovered()
  } finally {
    await help.stop()
    await folder.abandon()
  }
}

function snapshotsOf(dataDir: string, shard: number): string[] {
  const folder = join(dataDir, 'snapshots', String(shard).padStart(5, '0'))
  return readdirSync(folder).map((name) => join(folder, name))
}

describe('threads that help to recover', () => {
  it('give the states that the thread would have recovered, and the keys and histories in them', async () => {
    const { folder, scope } = await openCopy('whole')
    const kinds = new Kinds(await actorsThere())
    const alone = await recoverShards(nodeEnv(), scope, kinds)
    const given = await helped(folder, scope)
    const states = given
      .flatMap((one) => one.states)
      .map((moved): ShardState => {
        const state = emptyState(scope, kinds, moved.shard)
        putTogether(moved, state)
        return state
      })
      .sort((a, b) => a.shard - b.shard)
    expect(states.map(({ shard }) => shard)).toEqual([0, 1, 2, 3, 4, 5])
    for (const [shard, state] of states.entries()) {
      expect(difference(state, alone[shard]!)).toBeUndefined()
      expect(state.keys.size).toBe(alone[shard]!.keys.size)
      state.store.cut().read(
        ({ address, history }) => {
          expect(state.history.read(history, 9).map(({ row }) => row)).toEqual([
            [1, 3],
            [0, 1],
          ])
          expect(address).toMatch(/^jar\/j\d+$/)
        },
        0,
        1 << 20,
      )
    }
    expect(given.every(({ passedOver }) => passedOver.length === 0)).toBe(true)
  })

  it('tell of a snapshot that does not read, as the thread would have', async () => {
    const { folder, scope } = await openCopy('torn-snapshot', (dataDir) => {
      for (const path of snapshotsOf(dataDir, 3)) truncateSync(path, 20)
    })
    const given = await helped(folder, scope)
    expect(given.flatMap(({ passedOver }) => passedOver)).toMatchObject([{ shard: 3 }])
    expect(given.flatMap((one) => one.states)).toHaveLength(shards)
  })

  it('refuse what is damaged with the code, the file and the place', async () => {
    const { folder, scope } = await openCopy('no-journal')
    const segment = readdirSync(join(scope.dataDir, 'journal')).map((name) =>
      join(scope.dataDir, 'journal', name),
    )
    for (const path of segment) truncateSync(path, 100)
    await expect(helped(folder, scope)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringContaining(scope.dataDir) as string,
    })
  })

  it('are as many as there are cores for, and none where little is to be read', () => {
    const scope = (turns: number, of = 64): RecoveryScope =>
      ({ shards: of, plan: { lastOrdinals: { 0: turns, 1: turns } } }) as unknown as RecoveryScope
    expect(helpersFor(2, 1, scope(1e6))).toBe(1)
    expect(helpersFor(8, 7, scope(1e6))).toBe(0)
    expect(helpersFor(64, 1, scope(1e6))).toBe(3)
    expect(helpersFor(1, 1, scope(1e6))).toBe(0)
    expect(helpersFor(2, 1, scope(40_000))).toBe(0)
    expect(helpersFor(2, 1, scope(1e6, 4_096))).toBe(0)
  })
})
