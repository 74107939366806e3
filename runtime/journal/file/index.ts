/** The journal on files: opening a folder, writing lanes, reading frames back. */
export { checkReached } from './check-reached.js'
export { openerError, openFolder, type FolderOptions, type JournalFolder } from './folder.js'
export {
  inspectFolder,
  scanLineage,
  type FolderInspection,
  type ScannedLineage,
} from './inspect.js'
export { openLane, sealOfCopy, type FileLane, type LanePlace } from './lane.js'
export type { FolderPlan } from './plan.js'
export { readFrames } from './read-frames.js'
export { type LaneEnd, type Manifest } from './records.js'
export { countingManifest, identityOf } from './remains.js'
