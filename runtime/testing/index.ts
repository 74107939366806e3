/** What tests of other rooms take of the runtime's own. */
export { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
export { ShardsInMemory, type TestAnswer } from './shards-in-memory.js'
