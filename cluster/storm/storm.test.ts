import { expect, it } from 'vitest'
import { packageFile } from '../cli/package-file.js'
import { seeded } from '../crash/chance.js'
import { Storm, type StormFault } from './storm.js'

/** The faults that would hurt most: a dead owner, a zombie, a dead leader, a rolling restart. */
const script: readonly StormFault[] = ['kill_owner', 'zombie', 'kill_leader', 'restart_node']

it('a real cluster loses nothing, doubles nothing and shows nothing stale in a storm', async () => {
  const violations: string[] = []
  const tally = await Storm.run(
    {
      main: packageFile('dist/cluster/cli/main.js'),
      nodes: 3,
      chance: seeded(20_260_101),
      script,
      onFault: () => undefined,
      onViolation: (sentence) => violations.push(sentence),
    },
    () => false,
  )
  expect(violations).toEqual([])
  expect(tally).toMatchObject({ lost: 0, doubled: 0, staleReads: 0, zombies: 1 })
  expect(Object.keys(tally.faults)).toHaveLength(script.length)
  expect(tally.acknowledged).toBeGreaterThan(0)
  expect(tally.reads).toBeGreaterThan(0)
}, 300_000)
