/**
 * Planted bugs of exactly-once: messages between shards, idempotency keys, timers and replay.
 */
import type { Mutant } from './mutant.js'

export const deliveryMutants: readonly Mutant[] = [
  {
    name: 'never_resent',
    breaks: 'A message the wire lost is never sent again.',
    file: 'runtime/messaging/outbox.ts',
    find: 'lane.queue.length === 0 || lane.progressAt > before) continue',
    replace: 'lane.queue.length === 0 || before !== Infinity) continue',
    oracle: 'convergence',
  },
  {
    name: 'outbox_trimmed_early',
    breaks: 'The outbox forgets a message when it is sent instead of when it is acknowledged.',
    file: 'runtime/messaging/outbox.ts',
    find: '    this.lanes[target]!.released = number\n',
    replace: '    this.lanes[target]!.released = number\n    this.acknowledge(target, number, 0)\n',
    oracle: 'convergence',
  },
  {
    name: 'outbox_lost_on_restart',
    breaks: 'Messages owed at a crash are not owed any more after recovery.',
    file: 'runtime/shard/replay.ts',
    find: '    state.commit(turn, changes, frame.time, 0)',
    replace:
      '    state.commit(turn, changes, frame.time, 0)\n    for (const m of turn.messages) state.outbox.acknowledge(m.target, m.number, 0)',
    oracle: 'convergence',
  },
  {
    name: 'cursor_not_journaled',
    breaks: 'A frame does not say which message it applied, so the message is applied again.',
    file: 'runtime/shard/committed-turn.ts',
    find: "  row.value(causes[cause.type])\n  if (cause.type === 'message') {",
    replace:
      "  row.value(cause.type === 'message' ? causes.request : causes[cause.type])\n  if (cause.type === 'message' && cause.number < 0) {",
    oracle: 'applied-once',
  },
  {
    name: 'cursor_lost_in_snapshot',
    breaks: 'A snapshot forgets which messages were applied.',
    file: 'runtime/snapshot/snapshot-blocks.ts',
    find: 'cursors: [...state.cursors],',
    replace: 'cursors: [...state.cursors].map(() => 0),',
    oracle: 'recovery',
  },
  {
    name: 'dedup_after_apply',
    breaks: 'The key of a request is looked up only after its turn has run.',
    file: 'runtime/shard/request-runner.ts',
    find: 'else if (!this.answerKnownKey(request, true)) this.command(request)',
    replace: 'else this.command(request)',
    oracle: 'applied-once',
  },
  {
    name: 'dedup_lost_on_restart',
    breaks: 'A replay of the journal does not bring the idempotency keys back.',
    file: 'runtime/shard/replay.ts',
    find: 'state.commit(turn, changes, frame.time, 0)',
    replace: 'state.commit({ ...turn, key: undefined }, changes, frame.time, 0)',
    oracle: 'applied-once',
  },
  {
    name: 'dedup_lost_in_snapshot',
    breaks: 'A snapshot leaves the idempotency keys out.',
    file: 'runtime/snapshot/snapshot-blocks.ts',
    find: "for (const chunk of keys) yield pack(['keys', chunk] satisfies Block)",
    replace: 'void keys',
    oracle: 'applied-once',
  },
  {
    name: 'keys_forgotten_early',
    breaks: 'Keys are forgotten long before the end of their window.',
    file: 'runtime/shard/shard-state.ts',
    find: 'this.keys.forgetBefore(time - this.keyRetentionMs,',
    replace: 'this.keys.forgetBefore(time - this.keyRetentionMs / 10_000,',
    oracle: 'applied-once',
  },
  {
    name: 'refusal_not_sticky',
    breaks: 'A refusal is not remembered by its key, so a retry may be done.',
    file: 'runtime/shard/request-runner.ts',
    find: 'if (!outcome.sticky) return undefined',
    replace: 'if (outcome.refused !== "") return undefined',
    oracle: 'sticky-answers',
  },
  {
    name: 'conflict_unnoticed',
    breaks: 'A key used for another request gives the answer of the first one.',
    file: 'runtime/shard/request-runner.ts',
    find: '    if (isUnbound(answer)) return false\n    if (!record.sameRequest)',
    replace: '    if (isUnbound(answer)) return false\n    if (record.number < 0)',
    oracle: 'sticky-answers',
  },
  {
    name: 'event_applied_twice_on_replay',
    breaks: 'A replay applies each event of an account twice.',
    file: 'runtime/shard/replay.ts',
    find: '  activation.state = change.after\n',
    replace:
      "  activation.state = kind.name === 'account' ? handler.evolve(change.after, data) : change.after\n",
    oracle: 'replay-equality',
  },
  {
    name: 'timer_lost_on_restart',
    breaks: 'A replay of the journal does not set durable timers.',
    file: 'runtime/shard/replay.ts',
    find: 'state.commit(turn, changes, frame.time, 0)',
    replace: 'state.commit({ ...turn, timers: [] }, changes, frame.time, 0)',
    oracle: 'convergence',
  },
  {
    name: 'timer_lost_in_snapshot',
    breaks: 'A snapshot leaves the durable timers out.',
    file: 'runtime/snapshot/snapshot-blocks.ts',
    find: 'timers: state.timers.all(),',
    replace: 'timers: state.timers.all().slice(0, 0),',
    oracle: 'convergence',
  },
  {
    name: 'day_of_limit_reset_on_restart',
    breaks: 'After a replay nothing counts against the limit of the day.',
    file: 'runtime/shard/replay.ts',
    find: '  activation.state = change.after\n',
    replace:
      "  activation.state = kind.name === 'account' ? { ...(change.after as object), spentOnDay: 0 } : change.after\n",
    oracle: 'replay-equality',
  },
  {
    name: 'sequence_not_restored',
    breaks: 'After a replay ids are given again that were given before.',
    file: 'runtime/shard/replay.ts',
    find: '  state.sequence = body.sequence\n',
    replace: '',
    oracle: 'applied-once',
  },
]
