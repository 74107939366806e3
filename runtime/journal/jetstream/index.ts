/** The journal on JetStream, the twin of the one on files. Loads no client: it speaks to the port. */
export { beginning, type JournalPosition } from './frames.js'
export { JetStreamLane } from './lane.js'
export { lostJournal, openShardJournal, type OpenScope } from './open-journal.js'
export { Patience, type WaitListener } from './patience.js'
export { readShardJournal, type ReadScope } from './read-journal.js'
export { durabilityFindings, type DurabilityFinding, type OpenedStream } from './server-check.js'
