/** The journal on files: opening a folder, writing lanes, reading frames back. */
export { openFolder, type FolderOptions, type JournalFolder } from './folder.js'
export { openLane, type FileLane } from './lane.js'
export { scanLineage } from './lineage.js'
export type { FolderPlan } from './plan.js'
export { readFrames } from './read-frames.js'
export { readRecord, type LaneEnd, type Manifest } from './records.js'
