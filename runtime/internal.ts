/**
 * A second door, for the benchmark harness alone and no part of the package: it measures the journal
 * without actors, and says which shard an address lives in.
 */
export { shardOfHome } from './actor/address.js'
export { openFolder, openLane } from './journal/file/index.js'

export type { FileLane } from './journal/file/index.js'
