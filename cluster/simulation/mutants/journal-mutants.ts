/** Planted bugs of journals and snapshots on streams: fences, appends, what is cut behind what. */
import type { Mutant } from '../../../actors/simulation/index.js'

const lane = 'runtime/journal/jetstream/lane.ts'
const settled = 'if (!(await appendSettled(log, message.bytes, place.sequence, patience))) {'
const writeIfIdle = 'if (this.inFlight === undefined) this.writeGroup()'

export const journalMutants: readonly Mutant[] = [
  {
    name: 'append_expects_nothing',
    breaks: 'An owner appends wherever the stream ends: only what it knows itself keeps it out.',
    file: lane,
    find: settled,
    replace:
      'const { last } = await patience.until(() => log.bounds())\n    if (!(await appendSettled(log, message.bytes, last, patience))) {',
    oracle: 'kit',
  },
  {
    name: 'lease_guards_appends',
    breaks:
      'An append that began with a valid lease is forced in, wherever the stream ends by then.',
    file: lane,
    find: settled,
    replace:
      "if (!this.options.mayAnswer()) throw new Fault('fenced')\n    let stored = await appendSettled(log, message.bytes, place.sequence, patience)\n    while (!stored) {\n      const { last } = await patience.until(() => log.bounds())\n      stored = await appendSettled(log, message.bytes, last, patience)\n    }\n    if (place.sequence < 0) {",
    oracle: 'kit',
  },
  {
    name: 'no_fence',
    breaks: 'A new owner reads the stream to its end and goes on there, without a fence.',
    file: 'runtime/journal/jetstream/open-journal.ts',
    find: 'if (await appendSettled(log, fence.bytes, end.sequence, patience)) return fence.next',
    replace: 'if (fence.bytes.length > 0) return end',
    oracle: 'one-writer',
    fast: true,
    seed: 18,
  },
  {
    name: 'two_frames_in_flight',
    breaks: 'The next frame is sent before the one before is settled.',
    file: 'runtime/shard/lane.ts',
    find: writeIfIdle,
    replace:
      'if (this.inFlight === undefined || this.shards.some((one) => one.openTurns > 0)) this.writeGroup()',
    also: [
      {
        file: 'runtime/shard/lane.ts',
        find: '    this.inFlight = undefined\n    for (const frame of frames)',
        replace:
          '    if (this.inFlight === group) this.inFlight = undefined\n    for (const frame of frames)',
      },
      {
        file: lane,
        find: "    assert(!this.busy, 'one append at a time')\n    this.busy = true\n",
        replace: '    this.busy = true\n',
      },
      {
        file: lane,
        find: '    const { log, place, patience } = this\n',
        replace: '    const { log, place, patience } = this\n    this.place = message.next\n',
      },
      {
        file: lane,
        find: '    if (this.failure !== undefined) throw this.failure\n    this.place = message.next\n',
        replace: '    if (this.failure !== undefined) throw this.failure\n',
      },
    ],
    oracle: 'kit',
    fast: true,
    seed: 46,
  },
  {
    name: 'unknown_append_sent_behind',
    breaks: 'An append without a reply is sent again behind whatever is there, unread.',
    file: 'runtime/journal/jetstream/settle.ts',
    find: '    const found = await patience.until(() => log.at(after + 1))\n    if (found',
    replace:
      "    if (appended.outcome === 'unknown') {\n      after = (await patience.until(() => log.bounds())).last\n      continue\n    }\n    const found = await patience.until(() => log.at(after + 1))\n    if (found",
    oracle: 'kit',
    fast: true,
    seed: 60,
  },
  {
    name: 'unknown_append_believed',
    breaks: 'An append without a reply counts as stored.',
    file: 'runtime/journal/jetstream/settle.ts',
    find: "    if (appended.outcome === 'appended') {\n      patience.renew()\n      return appended.sequence === after + 1",
    replace:
      "    if (appended.outcome !== 'conflict') {\n      patience.renew()\n      return appended.outcome === 'unknown' || appended.sequence === after + 1",
    oracle: 'kit',
    fast: true,
    seed: 60,
  },
  {
    name: 'cursors_lost_in_hand_over',
    breaks: 'Who takes over what was read ahead forgets which messages were applied.',
    file: 'runtime/nodes/shard-reading.ts',
    find: '      this.prepared.delete(shard)\n      const restored',
    replace: '      if (this.prepared.delete(shard)) state.cursors.fill(0)\n      const restored',
    oracle: 'kit',
    fast: true,
    seed: 18,
  },
  {
    name: 'snapshot_not_read_back',
    breaks: 'The journal is cut behind snapshots that nobody has read back.',
    file: 'runtime/snapshot/stream-snapshots.ts',
    find: '    await this.readBack({ log, patience }, { id, from }, sums)\n',
    replace: '    void this.readBack\n',
    oracle: 'kit',
  },
  {
    name: 'snapshot_before_durable',
    breaks: 'A snapshot is finished before the turns in it are durable in the journal.',
    file: 'runtime/snapshot/stream-snapshots.ts',
    find: '    await durable()\n',
    replace: '    void durable\n',
    oracle: 'kit',
    fast: true,
    seed: 14,
  },
  {
    name: 'snapshots_share_memory',
    breaks: 'Snapshots that are written at the same time make their blocks in the same memory.',
    file: 'runtime/snapshot/block-memory.ts',
    find: '  private room = spares.take()\n',
    replace:
      '  private static readonly common = spares.take()\n  private room = BlockMemory.common\n',
    also: [
      {
        file: 'runtime/snapshot/stream-snapshots.ts',
        find: '(crc ?? this.crc) === this.crc',
        replace: '(crc ?? this.crc) !== -1',
      },
    ],
    oracle: 'kit',
  },
  {
    name: 'snapshots_mixed',
    breaks: 'Messages of two snapshots stand between each other in a stream.',
    file: 'runtime/snapshot/stream-snapshots.ts',
    find: '      if (this.last !== undefined) {\n        throw new Fault(',
    replace: '      this.last = undefined\n      if (this.index < 0) {\n        throw new Fault(',
    oracle: 'snapshots-apart',
  },
]
