/**
 * How a shard takes messages of other shards, and due timers.
 *
 * S5. Each message is applied once, in the order of its pair of shards; what must be applied and can't be
 *     waits durably with its quarantined actor.
 */
import type { Address } from '../actor/address.js'
import { isRefusal, refusal } from '../actor/refusal.js'
import { isParked } from '../actor/turn.js'
import { runtimeCodes } from '../errors.js'
import { Message } from '../messaging/message.js'
import type { Cause, QuarantineChange } from './committed-turn.js'
import type { Shard } from './shard.js'
import type { Transaction } from './transaction.js'

export class MessageHandler {
  private readonly shard: Shard

  constructor(shard: Shard) {
    this.shard = shard
  }

  handle(message: Message): void {
    const { shard } = this
    const next = shard.state.cursors[message.source]! + 1
    shard.causeDurable = message.durable
    // Older ones were applied; newer ones come again after the missing one. Who sent it hears how far this one is:
    // the missing one may be one it does not owe any more (A9).
    if (message.number !== next) {
      shard.tellAgain(message.source)
      return
    }
    if (message.command === '') shard.commit(shard.begin(), message)
    else if (message.then === undefined) {
      this.mustApply(message, message.address, message.command, message.input)
    } else this.answerMessage(message)
  }

  /** A command that has to be applied: when it can't be, it waits durably with its quarantined actor. */
  mustApply(cause: Cause, address: Address, command: string, input: unknown): void {
    const { shard } = this
    const isQuarantined = shard.state.quarantine.has(address)
    let why = ''
    if (!isQuarantined) {
      const tx = shard.begin()
      const { outcome, threw } = shard.attempt(tx, address, command, input)
      if (!threw && !isParked(outcome)) {
        shard.commit(tx, cause)
        return
      }
      if (isRefusal(outcome) && outcome.refused === 'quarantined') why = `: ${outcome.detail}`
    }
    const changes: QuarantineChange[] = [{ type: 'park', address, command, input }]
    if (!isQuarantined) {
      const reason = `failed on "${command}", which must be applied${why}`
      shard.services.report('quarantined', { address, reason })
      changes.unshift({ type: 'add', address, reason })
    }
    shard.commit(shard.begin(), cause, undefined, changes)
  }

  /**
   * Runs what waits for a quarantined actor, in its order (Q2).
   * @returns false when one can't be applied: it goes on waiting, and what is behind it too
   */
  applyWaiting(address: Address): boolean {
    const { shard } = this
    shard.causeDurable = false
    for (;;) {
      const waiting = shard.state.quarantine.firstWaiting(address)
      if (waiting === undefined) return true
      const tx = shard.begin()
      const { outcome, threw } = shard.attempt(tx, address, waiting.command, waiting.input)
      const isApplied = !threw && !isParked(outcome)
      if (isApplied) shard.commit(tx, { type: 'waiting', address })
      tx.setFailingAside()
      if (!isApplied) return false
    }
  }

  /** Adds the answer of a refusable message to its turn. */
  answer(tx: Transaction, message: Message, outcome: unknown): void {
    const input = { outcome, context: message.context }
    const { number } = this.shard
    tx.main.messages.push(new Message(number, message.source, message.from!, message.then!, input))
  }

  /** A refusable message: its outcome goes back to the sender, whatever it is. */
  private answerMessage(message: Message): void {
    const { shard } = this
    const { address, command, input } = message
    const tx = shard.begin()
    if (shard.state.quarantine.has(address)) {
      this.answer(tx, message, refusal('quarantined', runtimeCodes.quarantined.advice))
      shard.commit(tx, message)
      return
    }
    const { outcome, threw } = shard.attempt(tx, address, command, input, message)
    if (threw) this.answer(tx, message, outcome)
    shard.commit(tx, message)
    if (threw && isRefusal(outcome) && outcome.refused === 'actor_failed') {
      shard.countFailure(address)
    }
  }
}
