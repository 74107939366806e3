/**
 * The state of one shard: everything its journal says, and nothing else.
 *
 * S1. It changes by committed turns alone ({@link ShardState.commit}), live and in a replay, so a
 *     replay gives the live state byte for byte.
 * S2. Actor states are immutable values: rolling a turn back and cutting a snapshot are a matter of
 *     keeping the old ones. Flat ones are changed in place, but only when their turn is committed and no
 *     cut has them ({@link ShardState.settle}).
 */
import type { Address } from '../actor/address.js'
import { keyOf } from '../actor/address.js'
import type { Change } from '../actor/define-actor.js'
import type { FlatStates } from '../actor/flat-states.js'
import type { EventHandler, Kind, Kinds } from '../actor/kinds.js'
import { assert } from '../assert.js'
import { limits } from '../limits.js'
import type { MakeMemory } from '../off-heap.js'
import { IdempotencyTable, recordKinds } from '../messaging/idempotency-table.js'
import type { Message } from '../messaging/message.js'
import { Outbox } from '../messaging/outbox.js'
import { ShapedCodec } from '../../transport/index.js'
import { Arena, type Position } from './arena.js'
import type { CommittedTurn, KeyInsert } from './committed-turn.js'
import { DurableTimers } from './durable-timers.js'
import { formatsAlone, type ShardFormats } from './formats.js'
import { HistoryLog, type HistoryHead } from './history-log.js'
import { ListedRefusals } from './listed-refusals.js'
import { PackedStore, type StoredActor } from './packed-store.js'
import { Quarantine } from './quarantine.js'

/** Packed bytes of a state that a replay packs again behind every turn. */
const guestBytesMax = 512

/** An actor in memory. */
export class Activation implements HistoryHead {
  readonly address: Address
  readonly kind: Kind
  state: unknown
  /** Of a flat kind: the object that is the actor's own, and holds its state between turns. */
  home: object | undefined = undefined
  /** Number of events so far. */
  version: number
  history: Position
  rows: number
  anchor: Position = 0
  /** Shard time of its last turn. */
  touchedAt = 0
  /** True while it is in the shard's memory. */
  attached = false
  /** True while the shard's store has a record of it. */
  stored = false
  /** Whether its newest event left it a state that is hardly needed again. */
  finished = false

  constructor(address: Address, kind: Kind, state: unknown, version: number, history: Position) {
    this.address = address
    this.kind = kind
    this.state = state
    this.version = version
    this.history = history
    this.rows = history === 0 ? 0 : -1
  }

  get key(): string {
    return keyOf(this.address)
  }
}

/**
 * One event as it changed one actor. One object serves many turns: what is handed out, to history and
 * tally, is valid during that call.
 */
export class AppliedChange implements Change {
  activation!: Activation
  address: Address = ''
  kind = ''
  event = ''
  handler!: EventHandler
  data: unknown = undefined
  before: unknown = undefined
  after: unknown = undefined
  /** The row it adds to the actor's history. */
  row: unknown = undefined

  get key(): string {
    return keyOf(this.address)
  }

  /** @param activation still in the state before the event */
  set(activation: Activation, handler: EventHandler, data: unknown, after: unknown): void {
    this.activation = activation
    this.address = activation.address
    this.kind = activation.kind.name
    this.event = handler.name
    this.handler = handler
    this.data = data
    this.before = activation.state
    this.after = after
    this.row = undefined
  }
}

export interface ShardStateOptions {
  readonly shard: number
  readonly shards: number
  readonly kinds: Kinds
  /** ms a key is remembered, in shard time. */
  readonly keyRetentionMs: number
  /** @default those of a program on its own */
  readonly formats?: ShardFormats
  /** Of packed actors and histories. @default what may be let go: shards that come and go */
  readonly memory?: MakeMemory
}

export class ShardState {
  readonly shard: number
  readonly shards: number
  readonly kinds: Kinds
  readonly keyRetentionMs: number
  readonly formats: ShardFormats
  readonly actors = new Map<Address, Activation>()
  readonly store: PackedStore
  readonly keys = new IdempotencyTable()
  readonly outbox: Outbox
  /** Number of the last message applied, by source. */
  readonly cursors: Float64Array
  readonly timers = new DurableTimers()
  readonly quarantine = new Quarantine()
  history: HistoryLog
  /** Shapes of packed states. */
  codec = new ShapedCodec()
  tally: unknown
  /** The actor stored last: whoever asked for the turn that ended it reads it once more. */
  lastStored: Activation | undefined = undefined
  /** Remembered refusals; a key record's note is the number of one. */
  readonly refusals = new ListedRefusals()
  readonly disagreements: string[] = []
  /** Cuts whose states are not written yet: until they are, no state is changed in place. */
  openCuts = 0
  /** Ordinal of the last committed turn. */
  ordinal = 0
  /** Shard time of the last frame, ms since 1970. */
  time = 0
  /** Next number of `sequence()`. */
  sequence = 1

  constructor(options: ShardStateOptions) {
    this.shard = options.shard
    this.shards = options.shards
    this.kinds = options.kinds
    this.keyRetentionMs = options.keyRetentionMs
    this.formats = options.formats ?? formatsAlone
    this.store = new PackedStore(options.memory)
    this.history = new HistoryLog([], new Arena(options.memory))
    this.outbox = new Outbox(options.shards)
    this.cursors = new Float64Array(options.shards)
    this.tally = options.kinds.tally?.initial(options.shard, options.shards)
  }

  /** An actor, from memory, from the store, or new. Not kept: {@link attach} does that. */
  load(address: Address, kind: Kind): Activation {
    return this.actors.get(address) ?? this.stored(address, kind)
  }

  /** An actor that is not in memory, from the store or new. */
  stored(address: Address, kind: Kind): Activation {
    const stored = this.store.peek(address)
    return stored === undefined
      ? new Activation(address, kind, kind.initial, 0, 0)
      : this.unpackActor(stored, kind)
  }

  /**
   * As {@link load} and {@link attach}, with one look into the store: for a replay, which changes what it loads.
   * @param guests takes those that came out of the store and are soon packed again
   */
  loadAttached(address: Address, kind: Kind, guests: Activation[]): Activation {
    const known = this.actors.get(address)
    if (known !== undefined) return known
    const stored = this.store.take(address)
    const activation =
      stored === undefined
        ? new Activation(address, kind, kind.initial, 0, 0)
        : this.unpackActor(stored, kind)
    if (stored !== undefined) {
      if (this.lastStored?.address === address) this.lastStored = undefined
      if (stored.state.length <= guestBytesMax) guests.push(activation)
    }
    activation.stored = false
    activation.attached = true
    this.actors.set(address, activation)
    return activation
  }

  /** Keeps an actor that has changed in memory. */
  attach(activation: Activation): void {
    if (activation.attached) return
    activation.attached = true
    this.unstore(activation)
    this.actors.set(activation.address, activation)
  }

  /** Moves an actor to the packed store. */
  passivate(activation: Activation): void {
    if (activation.attached) this.actors.delete(activation.address)
    activation.attached = false
    this.unstore(activation)
    if (activation.version === 0) return
    const { address, kind, version, history, state } = activation
    this.store.pack({ address, kindVersion: kind.version, version, history }, state, this.codec)
    activation.stored = true
    this.lastStored = activation
  }

  /** The store's record of an actor that has changed is none any more. */
  private unstore(activation: Activation): void {
    if (!activation.stored) return
    activation.stored = false
    this.store.take(activation.address)
    if (this.lastStored?.address === activation.address) this.lastStored = undefined
  }

  unpackActor(stored: StoredActor, kind: Kind): Activation {
    const state = kind.upcastState(this.codec.unpack(stored.state), stored.kindVersion)
    const actor = new Activation(stored.address, kind, state, stored.version, stored.history)
    actor.stored = true
    return actor
  }

  /**
   * Makes a turn part of the state. Its events have been applied to the activations already.
   * @param turn its messages are numbered and stamped here
   * @param changes the turn's events with the states before and after
   */
  commit(
    turn: Omit<CommittedTurn, 'events'>,
    changes: readonly AppliedChange[],
    time: number,
    monotonic: number,
  ): void {
    this.openTurn(time)
    this.consumeCause(turn.cause)
    for (const change of changes) {
      this.enter(change)
      this.observe(change)
    }
    for (const { activation } of changes) this.keep(activation)
    for (const message of turn.messages) this.send(message, monotonic)
    for (const timer of turn.timers) {
      if (timer.type === 'set') this.timers.set(timer.timer)
      else this.timers.remove(timer.id)
    }
    for (const change of turn.quarantine) {
      if (change.type === 'add') this.quarantine.add(change.address, time, change.reason)
      else if (change.type === 'park') this.quarantine.park(change.address, change)
      else this.quarantine.release(change.address)
    }
    this.remember(turn.key)
  }

  /** Begins the turn that comes next. What follows are the steps of {@link commit}. */
  openTurn(time: number): void {
    this.ordinal++
    this.time = time
  }

  /** Counts an event at its actor, and adds its row to the history. */
  enter({ activation, row }: AppliedChange): void {
    activation.version++
    activation.touchedAt = this.time
    if (row !== undefined) this.history.append(activation, this.time, row)
  }

  /** Brings an event into the tally. */
  observe(change: AppliedChange): void {
    this.kinds.tally?.observe(this.tally, change)
  }

  /** An actor a turn brought in stays in memory, but for one that it also ended: that is stored at once. */
  keep(activation: Activation): void {
    if (!activation.attached) {
      if (!activation.finished) this.attach(activation)
      else if (activation !== this.lastStored) this.passivate(activation)
    }
    const { flat } = activation.kind
    if (flat !== undefined) this.settle(activation, flat)
  }

  /** Brings the new state of an actor into the object that is its own. */
  private settle(activation: Activation, flat: FlatStates): void {
    const { state, home } = activation
    if (state === home) return
    if (home !== undefined && this.openCuts === 0 && flat.into(home, state)) activation.state = home
    // A copy: what an event gave it may give again, to another actor.
    else if (flat.fits(state)) activation.state = activation.home = { ...state }
    else activation.home = undefined
  }

  consumeCause(cause: CommittedTurn['cause']): void {
    if (cause.type === 'message') {
      assert(this.cursors[cause.source] === cause.number - 1, 'a message was applied out of turn')
      this.cursors[cause.source] = cause.number
      if (cause.stamp !== undefined) {
        const finding = this.kinds.tally?.received(this.tally, cause.source, cause.stamp)
        if (finding !== undefined && this.disagreements.length < limits.disagreementsMax) {
          this.disagreements.push(finding)
        }
      }
    } else if (cause.type === 'timer') {
      this.timers.remove(cause.id)
    } else if (cause.type === 'waiting') {
      this.quarantine.unpark(cause.address)
    }
  }

  send(message: Message, monotonic: number): void {
    message.number = this.outbox.nextNumber(message.target)
    // A replay keeps the stamp that was sent; the tally moves on all the same.
    const stamp = this.kinds.tally?.sent(this.tally, message.target, message)
    message.stamp ??= stamp
    if (message.handled) this.outbox.passBy(message)
    else this.outbox.push(message, monotonic)
  }

  /** Remembers the key of a turn that has one, and forgets old ones. */
  remember(key: KeyInsert | undefined): void {
    if (key !== undefined) this.insertKey(key)
    this.keys.forgetBefore(this.time - this.keyRetentionMs, key === undefined ? 2 : 3)
  }

  private insertKey({ hashes, kind, note, refusal, answer }: KeyInsert): void {
    const { keys, refusals, time } = this
    if (refusal === undefined) keys.insert(hashes, time, kind, note, answer)
    else if (kind === recordKinds.refusal) {
      keys.insert(hashes, time, kind, refusals.numberOf(refusal[0], refusal[1]))
    } else keys.insert(hashes, time, kind, note, refusals.packed(refusal))
  }

  /** Stores the actors of a turn that say they are finished; after those who wait have read them. */
  passivateFinished(changes: readonly AppliedChange[]): void {
    for (const { activation } of changes) {
      if (activation.attached && activation.finished) this.passivate(activation)
    }
  }
}
