import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createRuntime, defineActor, type RuntimeOptions } from './index.js'

const dataDir = join(tmpdir(), 'suanpan-options-never-made')
const counter = defineActor({ kind: 'counter', state: { value: 0 }, events: {}, commands: {} })
const actors = { definitions: [counter] }

const wrong: Record<string, [options: unknown, sentence: string]> = {
  'no options': [undefined, 'actors must hold'],
  'no actors': [{ dataDir }, 'actors must hold'],
  'actors without definitions': [{ dataDir, actors: {} }, 'actors must hold'],
  'a definition that is none': [{ dataDir, actors: { definitions: [null] } }, 'actors must hold'],
  'no folder': [{ actors }, 'dataDir must name a folder'],
  'fewer threads than none': [{ dataDir, actors, threads: -1 }, 'threads must be a whole number'],
  'keys of no known format': [
    { dataDir, actors, idempotencyKeyTime: 'bogus' },
    'idempotencyKeyTime must be one of none, uuidv7, ulid; it is bogus.',
  ],
  'a state that is no plain data': [
    { dataDir, actors: { definitions: [{ ...counter, state: { at: new Date(0) } }] } },
    'The state of the kind "counter" is to be plain data: a Date is no plain data.',
  ],
}

it.each(Object.keys(wrong))(
  '%s: a runtime says so in a sentence and opens nothing',
  async (name) => {
    const [options, sentence] = wrong[name]!
    const opening = createRuntime(options as RuntimeOptions)
    await expect(opening).rejects.toMatchObject({ code: 'invalid_options' })
    await expect(opening).rejects.toThrow(sentence)
  },
)
