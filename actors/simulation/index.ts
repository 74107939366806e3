/** The payment workload and its judges, for whoever simulates payments on something else. */
export { paymentOracles } from './judge.js'
export { mutated } from './mutants/mutant.js'
export { paymentWorkload } from './workload.js'

export type { Mutant } from './mutants/mutant.js'
