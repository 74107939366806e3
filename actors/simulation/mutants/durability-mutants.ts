/**
 * Planted bugs of journal, gate and recovery: what was acknowledged is lost, or shows before it is
 * durable.
 */
import type { Mutant } from './mutant.js'

export const durabilityMutants: readonly Mutant[] = [
  {
    name: 'sync_skipped',
    breaks: 'A group counts as durable when it was written, without a sync.',
    file: 'runtime/journal/file/lane.ts',
    find: '    await file.sync()\n    this.fence.check()',
    replace: '    this.fence.check()',
    oracle: 'acknowledged',
    fast: true,
  },
  {
    name: 'reply_before_durable',
    breaks: 'An answer leaves while the frame it depends on is still open.',
    file: 'runtime/shard/lane.ts',
    find: '    if (shard.openTurns > 0) return this.open\n',
    replace: '    if (shard.openTurns > 0) return this.free\n',
    oracle: 'acknowledged',
    fast: true,
  },
  {
    name: 'reply_while_in_flight',
    breaks: 'A query that saw a group in flight is answered before that group is durable.',
    file: 'runtime/shard/lane.ts',
    find: 'return this.inFlight === undefined ? this.free : this.late',
    replace: 'return this.free',
    oracle: 'reads',
  },
  {
    name: 'messages_before_durable',
    breaks: 'Messages to other shards leave before the frame that caused them is durable.',
    file: 'runtime/shard/lane.ts',
    find: '    this.journal.append(frames).then(',
    replace:
      '    this.services.release({ answers: this.services.answerBatch(), messages, acknowledgements: [] })\n    this.journal.append(frames).then(',
    oracle: 'nodes-live',
  },
  {
    name: 'acknowledged_before_durable',
    breaks: 'A message is acknowledged to its sender before its effect is durable.',
    file: 'runtime/shard/lane.ts',
    find: '    this.inFlight = group\n',
    replace:
      '    this.inFlight = group\n    this.services.release({ answers: this.services.answerBatch(), messages: [], acknowledgements })\n',
    oracle: 'convergence',
  },
  {
    name: 'torn_tail_accepted',
    breaks: 'A group is read back without looking at its checksum.',
    file: 'runtime/journal/file/group.ts',
    find: 'if (bytes.length !== header.bytes || checksum(bytes) !== header.head.crc) return false',
    replace: 'if (bytes.length !== header.bytes) return false',
    oracle: 'recovery',
  },
  {
    name: 'damage_in_the_middle_skipped',
    breaks: 'A bad group with whole ones behind it is taken for a torn tail and dropped.',
    file: 'runtime/journal/file/recovery-table.ts',
    find: "decision: refuse('a bad group with whole ones behind it')",
    replace: "decision: { type: 'adopt', carry: true, torn: true }",
    oracle: 'acknowledged',
  },
  {
    name: 'torn_tail_refused',
    breaks: 'A torn tail, which nobody was told of, keeps the folder from opening.',
    file: 'runtime/journal/file/recovery-table.ts',
    find: "{ row: 'torn', tail: 'bytes', decision: { type: 'adopt', carry: true, torn: true } }",
    replace: "{ row: 'torn', tail: 'bytes', decision: refuse('a torn tail') }",
    oracle: 'recovery',
  },
  {
    name: 'last_group_not_carried',
    breaks: 'The last group found on recovery is dropped instead of being written again.',
    file: 'runtime/journal/file/scan-lane.ts',
    find: 'const carried = decision.carry ? (collector.last?.group.frames ?? []) : []',
    replace: 'const carried = decision.carry ? [] : (collector.last?.group.frames ?? [])',
    oracle: 'acknowledged',
    fast: true,
  },
  {
    name: 'snapshot_before_durable',
    breaks: 'A snapshot gets its name before the turns in it are durable in the journal.',
    file: 'runtime/snapshot/file-snapshots.ts',
    find: '  await durable()\n',
    replace: '  void durable\n',
    oracle: 'recovery',
  },
  {
    name: 'snapshot_at_wrong_ordinal',
    breaks: 'A snapshot says it ends one turn later than it does, so a replay leaves one out.',
    file: 'runtime/snapshot/snapshot-blocks.ts',
    find: '    ordinal: state.ordinal,\n',
    replace: '    ordinal: state.ordinal + 1,\n',
    oracle: 'recovery',
    fast: true,
  },
  {
    name: 'segments_cut_too_far',
    breaks:
      'The journal is let go behind the newest snapshot instead of the older of the two kept.',
    file: 'runtime/snapshot/snapshotter.ts',
    find: 'if (kept.length > 1) this.covered.set(state.shard, kept[kept.length - 1]!.ordinal)',
    replace: 'if (kept.length > 0) this.covered.set(state.shard, kept[0]!.ordinal)',
    oracle: 'recovery',
  },
  {
    name: 'fence_ignored',
    breaks: 'An owner that was succeeded does not look at the fence, and goes on giving answers.',
    file: 'runtime/journal/file/fence.ts',
    find: "    throw new Fault('fenced')",
    replace: "    if (this.claim === '') throw new Fault('fenced')",
    oracle: 'acknowledged',
    fast: true,
  },
  {
    name: 'fence_forgotten_after_sync',
    breaks: 'An owner looks at the fence before it answers reads, but not when a group is durable.',
    file: 'runtime/journal/file/lane.ts',
    find: '    await file.sync()\n    this.fence.check()',
    replace: '    await file.sync()',
    oracle: 'acknowledged',
  },
  {
    name: 'clock_jump_believed',
    breaks:
      'A wall clock that jumps far ahead moves shard time, so holds expire before their time.',
    file: 'runtime/shard/clock-guard.ts',
    find: 'this.jumped = wall - expected > limits.clockStepMsMax',
    replace: 'this.jumped = wall - expected > Infinity',
    oracle: 'time-follows-clock',
  },
]
