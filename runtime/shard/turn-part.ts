/**
 * What one turn did in one shard: nothing of it stays when the turn fails.
 *
 * X1. Events change activations at once; until the shard commits the part, `rollback` undoes all of
 *     them, those of called actors included.
 */
import type { Address } from '../actor/address.js'
import type { Kind } from '../actor/kinds.js'
import { runtimeCodes } from '../errors.js'
import { limits } from '../limits.js'
import type { Message } from '../messaging/message.js'
import { assertPlainBeside, disownPromise } from '../../transport/index.js'
import type { TimerChange, TurnDraft } from './committed-turn.js'
import { AppliedChange, type Activation, type ShardState } from './shard-state.js'

/** A token to wake once the turn is committed. */
export interface Wake {
  readonly token: string
  readonly settledElsewhere: boolean
}

/** A command that nobody understands: an error of the caller, not of the actor. */
export class UnknownCommand extends Error {
  // Private: to look for it runs no code of what was thrown, which may be a proxy.
  readonly #isOne = true

  /** Tells it from whatever else a handler may throw. */
  static is(thrown: unknown): thrown is UnknownCommand {
    return typeof thrown === 'object' && thrown !== null && #isOne in thrown
  }
}

/** A call to an actor that is quarantined: an error neither of the caller nor of what it called now. */
export class CalleeSetAside extends Error {
  // Private, as above.
  readonly #isOne = true

  constructor(address: Address) {
    super(`${address} is quarantined: ${runtimeCodes.quarantined.advice}`)
  }

  /** Tells it from whatever else a handler may throw. */
  static is(thrown: unknown): thrown is CalleeSetAside {
    return typeof thrown === 'object' && thrown !== null && #isOne in thrown
  }
}

/** Events of one turn whose objects are kept for the next ones. */
const spareChangesMax = 64

/** One object serves many turns. */
export class TurnPart {
  /** The part's events. Reused by the next turn: nothing may keep them. */
  readonly changes: AppliedChange[] = []
  readonly messages: Message[] = []
  readonly timers: TimerChange[] = []
  readonly wakes: Wake[] = []
  /** The same, as a frame holds it. */
  readonly asDraft: TurnDraft = {
    events: this.changes,
    messages: this.messages,
    timers: this.timers,
  }
  state!: ShardState
  /** Shard time of the turn. */
  now = 0
  private sequenceBefore = 0
  private timerBefore = 0
  /** Actors this turn touched that are not in memory; those it changes are kept when it is committed. */
  private readonly visitors: Activation[] = []
  /** Changes to use again. */
  private readonly spareChanges: AppliedChange[] = []

  begin(state: ShardState, now: number): this {
    this.state = state
    this.now = now
    this.sequenceBefore = state.sequence
    this.timerBefore = state.timers.next
    empty(this.changes)
    empty(this.messages)
    empty(this.timers)
    empty(this.wakes)
    empty(this.visitors)
    return this
  }

  /** True when it did anything a frame must hold. */
  get dirty(): boolean {
    return (
      this.changes.length > 0 ||
      this.messages.length > 0 ||
      this.timers.length > 0 ||
      this.state.sequence !== this.sequenceBefore
    )
  }

  /** An actor of this shard, as this turn sees it; undefined when it lives elsewhere. */
  visit(address: Address): Activation | undefined {
    const live = this.state.actors.get(address)
    if (live !== undefined) return live
    for (const visitor of this.visitors) if (visitor.address === address) return visitor
    checkAddress(address)
    const { kinds, shard, shards } = this.state
    const kind = kinds.of(address)
    if (kind === undefined) throw new UnknownCommand(`no kind is defined for ${address}`)
    if (kinds.shardOf(address, shards) !== shard) return undefined
    const visitor = this.state.stored(address, kind)
    this.visitors.push(visitor)
    return visitor
  }

  emit(activation: Activation, event: string, data: unknown): void {
    const { kind } = activation
    const handler = kind.events.get(event)
    if (handler === undefined) throw new Error(`${kind.name} has no event "${event}"`)
    const before = activation.state
    const after = handler.evolve(before, data)
    if (after === undefined) throw new Error(`event ${handler.tag} returned no state`)
    if (disownPromise(after)) throw new Error(`event ${handler.tag} is async`)
    // A flat kind promises plain states; of others a snapshot would find it out, too late.
    if (kind.flat === undefined) assertPlainBeside(after, before)
    const { changes, spareChanges } = this
    const change = spareChanges[changes.length] ?? new AppliedChange()
    if (changes.length < spareChangesMax) spareChanges[changes.length] = change
    change.set(activation, handler, data, after)
    change.row = rowOf(kind, change)
    activation.finished = isFinished(kind, after)
    activation.state = after
    changes.push(change)
  }

  /** Undoes everything. */
  rollback(): void {
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const change = this.changes[i]!
      change.activation.state = change.before
    }
    this.state.sequence = this.sequenceBefore
    this.state.timers.next = this.timerBefore
    this.begin(this.state, this.now)
  }
}

/** The row an event adds to the history. @throws TypeError when it is no plain data, but for flat kinds */
function rowOf(kind: Kind, change: AppliedChange): unknown {
  const { definition } = kind
  if (definition.history === undefined) return undefined
  const row = definition.history(change)
  if (disownPromise(row)) throw new Error(`the history of ${kind.name} is async`)
  if (kind.flat === undefined) assertPlainBeside(row, undefined)
  return row
}

/** Whether a state ends its actor's time in memory: asked while the turn can still fail. */
function isFinished({ name, passivateWhen }: Kind, state: unknown): boolean {
  if (passivateWhen === undefined) return false
  const finished: unknown = passivateWhen(state)
  if (typeof finished === 'object' && disownPromise(finished)) {
    throw new Error(`passivate.when of ${name} is async`)
  }
  return finished === true
}

/** @throws RangeError for one that no store could hold: the turn fails, where the actor's state would be lost */
export function checkAddress(address: Address): void {
  if (address.length <= limits.addressOfTurnMax) return
  throw new RangeError(
    `an address of ${address.length} characters; at most ${limits.addressOfTurnMax} are taken`,
  )
}

/** Takes all items out. Popping: setting a length leaves compiled code, thousands of times a second. */
function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}
