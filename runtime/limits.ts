/**
 * Every bound of the runtime, with its reason; their relations are asserted when this is loaded.
 * Names are big-endian with the unit last.
 */

export const limits = {
  /** Shards of a new data folder when none are asked for: enough for 32 threads, and few enough
   *  that what a shard keeps for each other one stays in the caches. */
  shardsDefault: 32,
  /** A shard number fits two bytes in frames and ids. */
  shardsMax: 65_535,
  /** Waiting client requests a shard accepts before it sheds. */
  mailboxMessagesMax: 16_384,
  /** Unacknowledged messages of a shard before it sheds new requests; follow-ups always fit. */
  outboxMessagesMax: 262_144,
  /** Requests of one client process that may be unanswered, per thread: its memory, bounded. */
  clientRequestsMax: 524_288,
  /** Bytes an open frame may reach before its shard waits for the frame in flight, where frames are bounded. */
  openFrameBytes: 192 * 1024,
  /** The same on file, where a group takes any size: what waits for the disk is bounded all the same. */
  openFrameBytesOnFile: 8 * 1024 * 1024,
  /** Bytes of a batch to another node: a few fit what NATS carries in one message. */
  nodeBatchBytes: 256 * 1024,
  /** MiB of the young generation of a thread: batches of short-lived objects fit, so few are promoted. */
  youngGenerationMb: 192,
  /** Turns a thread runs before it lets I/O callbacks in. */
  sliceTurnsMax: 2_048,
  /**
   * ms it runs them at most. Each slice under load ends with a group, whose frames cost about 0.1 ms
   * together however small they are: shorter slices would pay for it with throughput.
   */
  sliceMsMax: 8,
  /** Messages of one shard handled before others have their turn: more than batches have, so those stay whole. */
  messagesAtOnce: 1_024,
  /** Requests of one shard handled before others have their turn: no longer than a slice. */
  requestsAtOnce: 256,
  /** The same where a shard has a lane of its own: as many as fill a slice. */
  requestsAtOnceAlone: 256,
  /** Length of the address of a request, in characters: a key of any reasonable scheme fits. */
  addressOfRequestMax: 1_024,
  /**
   * Length of the longest address a turn may name, in characters: keys that actors derive from others' are longer
   * than clients' are, and in the packed store an address has two bytes for its number of bytes.
   */
  addressOfTurnMax: 16_384,
  /** Version of a kind: the packed store has two bytes for it. */
  kindVersionMax: 65_535,
  /** Actors whose failures in a row are counted: of those beyond, the one that failed first is forgotten. */
  failingActorsMax: 4_096,
  /** Nested `call`s in one turn: deeper is a loop. */
  callDepthMax: 16,
  /** Throws in a row after which a key is quarantined. */
  failuresBeforeQuarantine: 3,
  /** ms after which unacknowledged messages are sent again. */
  resendMs: 1_000,
  /** Messages sent again at once per pair of shards. */
  resendMessagesMax: 256,
  /** ms the wall clock may run ahead of the monotonic one before the node is not ready. */
  clockStepMsMax: 60_000,
  /** Time an idempotency key is remembered when nothing else is asked for: 24 h. */
  keyRetentionMsDefault: 86_400_000,
  /** Keys a shard remembers; beyond it new keys are shed, never old ones forgotten. */
  keysPerShardMax: 16_777_216,
  /** ms until a client's promise rejects with `outcome_unknown`. */
  requestTimeoutMsDefault: 30_000,
  /** Bytes of answers a lane keeps until it is certain of its ownership again; beyond, who asks hears that at once. */
  withheldBytesMax: 1024 * 1024,
  /** Looks, half a second apart, for which it keeps them, or waits for an append: as long as most elections last. */
  waitedLooksMax: 10,
  /** ms of an opening without any piece being read after which it counts as one that lasts. */
  openingLastsMs: 5_000,
  /** ms answers of a shard's last owner may be on their way after the shard was handed over. */
  answersOnTheirWayMs: 1_000,
  /** Journal bytes of a thread after which its shards are snapshotted. About a second of replay. Halving it costs a tenth of the rate. */
  snapshotJournalBytes: 32 * 1024 * 1024,
  /** Shards of a cluster's node that are snapshotted at once: each message of one waits for every copy. */
  snapshotsAtOnce: 2,
  /** ms a hand-over waits for the snapshot of its shard that is being written. */
  snapshotEndMs: 2_000,
  /** Shards of a node whose pieces of a stream are under way at once, on their way back. */
  readingsAtOnce: 2,
  /** ms without progress after which such a reading holds up no other. */
  readingStalledMs: 1_000,
  /** Bytes of a snapshot in one message of a stream: well below the megabyte that servers take by default. */
  snapshotChunkBytes: 512 * 1024,
  /** ms a backup holds up the journal at most: every lane has to come to the end of its group meanwhile. */
  backupHoldMs: 2_000,
  /** ms a backup waits for removals that are under way, and the end of a runtime for a backup. */
  backupWaitMs: 10_000,
  /** Snapshots kept of each shard; the journal reaches back to the older one. */
  snapshotsKept: 2,
  /** Different refusals a shard lists for its keys; those beyond are kept with their keys, and leave with them. */
  refusalsListedMax: 1_024,
  /** Length of a refusal's detail that clients are told and keys remember: a long sentence or two. */
  refusalDetailMax: 1_024,
  /** Disagreements a shard remembers for the operator. */
  disagreementsMax: 100,
} as const

/** The same numbers, whatever they are: the relations below must go on holding when one is changed. */
const bounds: Readonly<Record<keyof typeof limits, number>> = limits
if (bounds.outboxMessagesMax < 2 * bounds.mailboxMessagesMax) {
  throw new Error('limits: the outbox must hold the follow-ups of a full mailbox')
}
if (3 * bounds.addressOfTurnMax > 0xffff || bounds.kindVersionMax > 0xffff) {
  throw new Error('limits: an address and a version must fit the head of a packed actor')
}
if (bounds.addressOfRequestMax > bounds.addressOfTurnMax) {
  throw new Error('limits: a turn must be able to name whom a client can')
}
if (bounds.snapshotsKept < 2) {
  throw new Error('limits: an unreadable snapshot needs an older one behind it')
}
