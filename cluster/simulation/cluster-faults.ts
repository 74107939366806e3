/** The kinds of faults a cluster has. */
import type { NatsFaultKind } from '../../runtime/simulation/index.js'

/** What each fault of a cluster is; those of NATS are counted beside them. */
export const clusterFaultKinds = {
  kill: 'a process dies; another of its name starts after a while',
  obituary: 'a sibling is told of a process that died',
  pause: 'a process stands still and does not know',
  zombie: 'a process stands still beyond its lease, and goes on',
  cut_both: 'a process and NATS do not hear each other',
  cut_in: 'a process does not hear NATS, which hears it',
  cut_out: 'NATS does not hear a process, which hears it',
  cut_apart: 'the connections of a process are cut, and come back one after the other',
  cut_all: 'no process reaches NATS',
  election: 'streams and buckets have no leader',
  clock_skew: 'a process begins with a wrong wall clock',
  clock_jump: 'the wall clock of a process jumps',
  slow_journal: 'the stream of one journal has no leader',
  worst_moment: 'a shard moves, is snapshotted and loses its owner while its journal is not heard',
  sleeper_asked: 'a process sleeps over a frame, and is asked for what its successor has changed',
  leave: 'a node leaves in good order',
  leave_all: 'all nodes leave in good order at once',
  join: 'a node more joins',
  move: 'an operator asks for a move',
  drain: 'an operator empties a node',
  snapshot: 'a node is asked for snapshots',
  snapshot_damaged: 'a message of a snapshot is stored damaged',
} as const

export type ClusterFaultKind = keyof typeof clusterFaultKinds | NatsFaultKind
