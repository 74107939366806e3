/** The bugs that a few seeds find are planted in every test run: the judges must go on biting. */
import { expect, it } from 'vitest'
import { runMutants, selectMutants } from '../testing/run-mutants.js'
import { planting } from './index.js'

it('finds every bug of the fast half within twenty seeds', { timeout: 300_000 }, async () => {
  const fast = selectMutants(planting.mutants, [], true)
  expect(fast.length).toBeGreaterThanOrEqual(20)
  const { results, uncleanSeeds } = await runMutants(fast, { ...planting, seeds: 20, jobs: 2 })
  const survived = results.filter(({ finding }) => finding === undefined)
  expect(survived).toEqual([])
  expect(uncleanSeeds).toEqual([])
})
