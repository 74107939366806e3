/** The harness of simulations: command lines and planted bugs, for whatever is simulated. */
export { findFirst } from './find-first.js'
export { MutantCompiler } from './mutant-compiler.js'
export { mutantsCommand } from './mutants-command.js'
export { runMutants, selectMutants } from './run-mutants.js'
export { simulateCommand } from './simulate-command.js'

export type { Planting } from './run-mutants.js'
export type { RunOptions, Simulated, SimulatedWorkload } from './simulate-command.js'
