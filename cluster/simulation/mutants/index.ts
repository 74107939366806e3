/** All planted bugs of the cluster. */
import type { Mutant } from '../../../actors/simulation/index.js'
import type { Planting } from '../../../actors/simulation/testing/index.js'
import { journalMutants } from './journal-mutants.js'
import { ownershipMutants } from './ownership-mutants.js'

export const mutants: readonly Mutant[] = [...journalMutants, ...ownershipMutants]

/** How they are found. */
export const planting: Planting = {
  mutants,
  campaign: 'cluster/simulation/mutants/campaign.js',
  results: 'cluster/simulation/mutants/results.jsonl',
}
