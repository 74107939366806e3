/** All planted bugs. */
import { deliveryMutants } from './delivery-mutants.js'
import { durabilityMutants } from './durability-mutants.js'
import type { Mutant } from './mutant.js'
import { paymentMutants } from './payment-mutants.js'

export const mutants: readonly Mutant[] = [
  ...durabilityMutants,
  ...deliveryMutants,
  ...paymentMutants,
]
