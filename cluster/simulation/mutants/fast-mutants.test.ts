/** The bugs that a few seeds find are planted in every test run: the judges must go on biting. */
import { expect, it } from 'vitest'
import { runMutants, selectMutants } from '../../../actors/simulation/testing/index.js'
import { planting } from './index.js'

it('finds every bug of the fast ones within forty seeds', { timeout: 300_000 }, async () => {
  const fast = selectMutants(planting.mutants, [], true)
  expect(fast.length).toBeGreaterThanOrEqual(8)
  const { results, uncleanSeeds } = await runMutants(fast, { ...planting, seeds: 40, jobs: 2 })
  const survived = results.filter(({ finding }) => finding === undefined)
  expect(survived).toEqual([])
  expect(uncleanSeeds).toEqual([])
})
