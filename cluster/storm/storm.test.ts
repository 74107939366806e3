import { expect, it } from 'vitest'
import { packageFile } from '../cli/package-file.js'
import { seeded } from '../crash/chance.js'
import { stormShards } from './storm-cluster.js'
import { Storm, type StormFault } from './storm.js'

/** The faults that would hurt most: a dead owner, a zombie, a dead leader; and planned work. */
const script: readonly StormFault[] = [
  ...(['kill_owner', 'zombie', 'kill_leader', 'rolling_restart', 'join_node'] as const),
]

it('a real cluster loses nothing, doubles nothing and shows nothing stale in a storm', async () => {
  const violations: string[] = []
  const tally = await Storm.run(
    {
      main: packageFile('dist/bin/suanpan.js'),
      nodes: 3,
      chance: seeded(20_260_101),
      script,
      // Requests at work wherever a fault strikes, and no more than that: `npm run storm` fills the machine.
      witnesses: 1,
      clients: 3,
      onFault: () => undefined,
      onViolation: (sentence) => violations.push(sentence),
    },
    () => false,
  )
  expect(violations).toEqual([])
  expect(tally).toMatchObject({ lost: 0, doubled: 0, staleReads: 0, zombies: 1 })
  expect(Object.keys(tally.faults)).toHaveLength(script.length)
  // Measured for every shard; how long they were is for results.jsonl, on a machine of its own.
  expect(tally.pausesMs).toMatchObject({
    rolling_restart: { length: stormShards },
    join_node: { length: stormShards },
  })
  expect(tally.acknowledged).toBeGreaterThan(0)
  expect(tally.reads).toBeGreaterThan(0)
}, 300_000)
