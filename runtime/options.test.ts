import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createRuntime, defineActor, type RuntimeOptions } from './index.js'

const dataDir = join(tmpdir(), `suanpan-options-never-made-${process.pid}`)
const counter = defineActor({ kind: 'counter', state: { value: 0 }, events: {}, commands: {} })
const actors = { definitions: [counter] }
const checkSettings = ({ size }: Readonly<Record<string, unknown>>): string | undefined =>
  typeof size === 'number' ? undefined : 'settings.size must be a number.'

const wrong: Record<string, [options: unknown, sentence: string]> = {
  'no options': [undefined, 'actors must hold'],
  'no actors': [{ dataDir }, 'actors must hold'],
  'actors without definitions': [{ dataDir, actors: {} }, 'actors must hold'],
  'a definition that is none': [{ dataDir, actors: { definitions: [null] } }, 'actors must hold'],
  'no folder': [{ actors }, 'dataDir must name a folder'],
  'fewer threads than none': [{ dataDir, actors, threads: -1 }, 'threads must be a whole number'],
  'settings that the actors refuse': [
    { dataDir, actors: { ...actors, checkSettings }, settings: { size: 'large' } },
    'settings.size must be a number.',
  ],
  'no settings, where the actors need some': [
    { dataDir, actors: { ...actors, checkSettings } },
    'settings.size must be a number.',
  ],
  'keys of no known format': [
    { dataDir, actors, idempotencyKeyTime: 'bogus' },
    'idempotencyKeyTime must be one of none, uuidv7, ulid; it is bogus.',
  ],
  'a state that is no plain data': [
    { dataDir, actors: { definitions: [{ ...counter, state: { at: new Date(0) } }] } },
    'The state of the kind "counter" is to be plain data: a Date is no plain data.',
  ],
}

const named = (text: string) => ({ [text]: () => ({ value: 1 }) })
const definitions: Record<string, [definition: object, sentence: string]> = {
  ...Object.fromEntries(
    [0, -1, 1.5, NaN, Infinity, 65_536, 20_260_801, '2', null].map((version) => [
      `a version of ${JSON.stringify(version)} (${String(version)})`,
      [{ version }, `is to be a whole number from 1 to 65535; it is ${String(version)}.`],
    ]),
  ),
  'an event of two lines': [{ events: named('x\ny') }, 'The event "x\\ny" of the kind "counter"'],
  'an event split by U+2028': [{ events: named('x\u2028y') }, 'The event '],
  'an event without a name': [{ events: named('') }, 'The event "" of the kind'],
  'an event of half a character': [{ events: named('\ud800') }, 'The event '],
  'an event of a very long name': [{ events: named('e'.repeat(256)) }, 'The event "eee'],
  'a command without a name': [{ commands: named('') }, 'The command "" of the kind'],
  'a query with a control character': [{ queries: named('a\0') }, 'The query "a\\u0000" of'],
}
for (const [name, [part, sentence]] of Object.entries(definitions)) {
  wrong[name] = [{ dataDir, actors: { definitions: [{ ...counter, ...part }] } }, sentence]
}

it.each(Object.keys(wrong))(
  '%s: a runtime says so in a sentence and opens nothing',
  async (name) => {
    const [options, sentence] = wrong[name]!
    const opening = createRuntime(options as RuntimeOptions)
    await expect(opening).rejects.toMatchObject({ code: 'invalid_options' })
    await expect(opening).rejects.toThrow(sentence)
    expect(existsSync(dataDir)).toBe(false)
  },
)

it('a version as large as two bytes, and a name in any script, come back as they were', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'suanpan-names-'))
  const purse = defineActor({
    kind: 'purse',
    version: 65_535,
    state: { value: 0 },
    passivate: { when: () => true },
    events: { '加 a@2.b': (state, data: { by: number }) => ({ value: state.value + data.by }) },
    commands: {
      add(turn, input: { by: number }) {
        turn.emit('加 a@2.b', input)
        return turn.state.value
      },
    },
  })
  try {
    for (const value of [5, 10]) {
      const runtime = await createRuntime({ dataDir: folder, actors: { definitions: [purse] } })
      expect(await runtime.actor(purse, 'a').add({ by: 5 })).toBe(value)
      if (value === 10) await runtime.snapshot()
      await runtime.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
