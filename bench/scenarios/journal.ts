/** `journal`: the file journal alone, by the size of its groups: what a sync costs, and what it carries. */
import { join } from 'node:path'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess, withProcess } from '../harness/measured-process.js'
import { measureRows } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { bytes as bytesWords } from '../report/words.js'

const sizes = [512, 4_096, 16_384, 65_536, 262_144, 1_048_576]

async function run(plan: Plan): Promise<Outcome> {
  return withProcess(new MeasuredProcess('journal', 'programs/journal'), async (process) => {
    await process.order('open', join(plan.folder, 'journal'))
    const lanes = sizes.map((bytes) => ({
      name: `${bytesWords(bytes)} a group`,
      round: (seconds: number) => process.order<Measured>('round', { seconds, bytes }),
    }))
    const rows = await measureRows(lanes, plan, 'groups')
    await process.order('close')
    return {
      headline: rows[3]!,
      rows,
      figures: rows.map((row, i) => [
        row.name,
        `${((row.perSecond * sizes[i]!) / 1e6).toFixed(1)} MB/s`,
      ]),
      remarks: [
        'One append in flight, as the runtime does it; frames of several shards share a group.',
      ],
      durability: syncedDurability,
      threads: 0,
    }
  })
}

export const journal: Scenario = {
  name: 'journal',
  summary: 'the file journal alone, by the size of its groups',
  takes: ['duration', 'rounds'],
  defaults: { seconds: 3, rounds: 3, accounts: 0, window: 1 },
  run,
}
