/** All planted bugs. */
import { backupMutants } from './backup-mutants.js'
import { deliveryMutants } from './delivery-mutants.js'
import { durabilityMutants } from './durability-mutants.js'
import type { Planting } from '../testing/run-mutants.js'
import type { Mutant } from './mutant.js'
import { paymentMutants } from './payment-mutants.js'

export const mutants: readonly Mutant[] = [
  ...durabilityMutants,
  ...deliveryMutants,
  ...paymentMutants,
  ...backupMutants,
]

/** How they are found. */
export const planting: Planting = {
  mutants,
  campaign: 'actors/simulation/testing/campaign.js',
  results: 'actors/simulation/mutants/results.jsonl',
}
