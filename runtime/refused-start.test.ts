/**
 * A9: a start that is refused because the journal lost its end leaves the data folder as it was. Real folders and
 * threads of the built package: what was lost is put back, and all of it is there.
 */
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRuntime, type ActorModule, type Runtime } from 'suanpan'

const work = mkdtempSync(join(tmpdir(), 'suanpan-refused-'))
const jars = Array.from({ length: 12 }, (_, i) => `j${i}`)
const built = new URL('../dist/runtime/index.js', import.meta.url).href
let actors: ActorModule

/** As a user would write it. */
const source = `
import { defineActor } from '${built}'
const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { filled: (state, { by }) => ({ beans: state.beans + by }) },
  commands: {
    fill: (turn, { by }) => turn.emit('filled', { by }),
    pour(turn, { by, into }) {
      turn.emit('filled', { by: -by })
      turn.send('jar/' + into, 'fill', { by })
    },
  },
  queries: { beans: (view) => view.self.beans },
})
export const actors = { module: import.meta.url, definitions: [jar] }
`

beforeAll(async () => {
  const path = join(work, 'jars.mjs')
  writeFileSync(path, source)
  ;({ actors } = (await import(pathToFileURL(path).href)) as { actors: ActorModule })
})
afterAll(() => {
  rmSync(work, { recursive: true, force: true })
})

/** Opens a folder, also a copy of one whose owner lives. */
function open(dataDir: string, threads: number): Promise<Runtime> {
  const options = { shards: 4, segmentBytes: 65_536, takeOver: true }
  return createRuntime({ dataDir, actors, threads, ...options })
}

async function pourAll(runtime: Runtime): Promise<void> {
  const pour = (jar: string, i: number): Promise<unknown> =>
    runtime.command(`jar/${jar}`, 'pour', { by: i, into: jars[(i + 1) % jars.length] })
  await Promise.all(jars.map(pour))
  expect(await runtime.comparePairs()).toEqual([])
}

function beansOf(runtime: Runtime): Promise<unknown[]> {
  return Promise.all(jars.map((jar) => runtime.query(`jar/${jar}`, 'beans', null)))
}

/** A copy as a crash would leave the folder. */
function crashed(dataDir: string): string {
  const copy = mkdtempSync(join(work, 'copy-'))
  cpSync(dataDir, copy, { recursive: true })
  return copy
}

/** Bytes of all files that were there before a start; what a start leaves of itself bears the number of its epoch. */
function contents(dataDir: string, epochs: number): Map<string, string> {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
    .filter((file) => Number(/^epochs\/(\d{10})/.exec(file)?.[1] ?? 0) <= epochs)
  return new Map(
    files.sort().map((file) => [file, readFileSync(join(dataDir, file)).toString('latin1')]),
  )
}

/** Two starts are refused and change nothing; once the files are back the next one finds all. */
async function expectHealed(
  dataDir: string,
  threads: number,
  lost: { readonly message: string; readonly putBack: () => void; readonly beans: unknown[] },
): Promise<void> {
  const before = contents(dataDir, 1)
  for (const _ of [1, 2]) {
    const opening = open(dataDir, threads)
    await expect(opening).rejects.toMatchObject({ code: 'journal_regressed' })
    await expect(opening).rejects.toThrow(lost.message)
    await expect(opening).rejects.toThrow('Nothing was changed: put back what is missing')
    expect(contents(dataDir, 1)).toEqual(before)
  }
  lost.putBack()
  const runtime = await open(dataDir, threads)
  expect(await beansOf(runtime)).toEqual(lost.beans)
  await pourAll(runtime)
  expect(await runtime.comparePairs()).toEqual([])
  await runtime.close()
}

describe.each([0, 1, 2])('a refused start with %i threads', (threads) => {
  it('A7, A9: changes nothing where segments are older than the snapshots; the newer ones heal it', async () => {
    const original = join(work, `older-${threads}`)
    const runtime = await open(original, threads)
    await pourAll(runtime)
    const older = crashed(original)
    await pourAll(runtime)
    await runtime.snapshot()
    const newer = crashed(original)
    const beans = await beansOf(runtime)
    await runtime.close()
    const dataDir = crashed(newer)
    const take = (from: string): void => {
      cpSync(join(from, 'journal'), join(dataDir, 'journal'), { recursive: true })
    }
    take(older)
    await expectHealed(dataDir, threads, {
      message: 'but its journal ends at',
      putBack: () => take(newer),
      beans,
    })
  })
})

it('A8, A9: a start that misses all of one thread’s journal changes nothing; put back, it heals', async () => {
  const original = join(work, 'lane')
  const runtime = await open(original, 2)
  await pourAll(runtime)
  const dataDir = crashed(original)
  const beans = await beansOf(runtime)
  await runtime.close()
  const away = mkdtempSync(join(work, 'away-'))
  const lost = ['journal', 'epochs'].flatMap((folder) =>
    readdirSync(join(dataDir, folder))
      .filter((name) => /-00001(-\d+\.seg)?$/.test(name))
      .map((name) => ({ name, path: join(dataDir, folder, name) })),
  )
  expect(lost.length).toBeGreaterThan(1)
  for (const { name, path } of lost) renameSync(path, join(away, name))
  await expectHealed(dataDir, 2, {
    message: "which that shard's journal does not hold",
    putBack: () => {
      for (const { name, path } of lost) renameSync(join(away, name), path)
    },
    beans,
  })
})
