/**
 * Runs direct commands: see `actor/direct.ts` for what they are. Turns are decided one by one, from states in
 * memory, and all the rest is done for many of them, step by step: in the tallies, in the histories, in the
 * frames. The code of one step stays in the processor's cache, that of a whole turn does not fit.
 *
 * X6. A turn is decided before anything of it is done; until then whatever is not as nearly always leaves
 *     the case to the command, which fails or refuses in its own words.
 * X7. Between deciding turns and ending their steps nothing else is done in any shard; each step does them in the
 *     order they were decided in. Frames, states and answers are those of turns done one after the other.
 */
import type { Address } from '../actor/address.js'
import type { DirectPlan, DirectTurn } from '../actor/direct.js'
import type { PreparedDirect } from '../actor/direct-kinds.js'
import type { EventHandler } from '../actor/kinds.js'
import { Message } from '../messaging/message.js'
import { recordKinds } from '../messaging/idempotency-table.js'
import { requested, type KeyInsert } from './committed-turn.js'
import { answerKinds, type ShardRequest } from './requests.js'
import type { Shard } from './shard.js'
import { Activation, AppliedChange, type ShardState } from './shard-state.js'

const none: never[] = []

/** Turns that are decided before the others' steps are done: what they made is still in the cache then. */
const turnsAtOnce = 32

/** A turn that is decided. An object of its own each time: short-lived ones are cheaper than to fill an old one. */
class DecidedTurn {
  readonly request: ShardRequest
  readonly direct: PreparedDirect
  readonly plan: DirectPlan
  readonly near: Shard
  readonly note: number
  readonly message: Message
  readonly own = new AppliedChange()
  readonly born = new AppliedChange()
  readonly called = new AppliedChange()

  constructor(
    request: ShardRequest,
    direct: PreparedDirect,
    plan: DirectPlan,
    near: Shard,
    message: Message,
    note: number,
  ) {
    this.request = request
    this.direct = direct
    this.plan = plan
    this.near = near
    this.message = message
    this.note = note
  }

  /** Of its request, if that has one. */
  get key(): KeyInsert | undefined {
    const { hashes } = this.request
    return hashes && { hashes, kind: recordKinds.note, note: this.note }
  }
}

/** All shards of a thread use one, as they do the transaction. */
export class DirectTurns implements DirectTurn<unknown> {
  readonly settings: Readonly<Record<string, unknown>>
  private home!: Shard
  private self!: Activation
  private near: Shard | undefined = undefined
  private called!: Activation
  now = 0
  otherNow = 0
  /** Of one shard, in order. */
  private decided: DecidedTurn[] = []

  constructor(settings: Readonly<Record<string, unknown>>) {
    this.settings = settings
  }

  get address(): Address {
    return this.self.address
  }
  get state(): unknown {
    return this.self.state
  }
  get shard(): number {
    return this.home.number
  }
  get sequence(): number {
    return this.home.state.sequence
  }
  get otherShard(): number {
    return this.near!.number
  }

  other<T>(address: Address): T | undefined {
    const { state } = this.home
    const number = state.kinds.shardOf(address, state.shards)
    if (number === state.shard) return undefined
    const near = this.home.nearShard(number)
    if (near === undefined || near.state.quarantine.has(address)) return undefined
    // Something sent before still waits there (X3).
    if (near.state.cursors[state.shard] !== state.outbox.lastNumber(number)) return undefined
    const called = inPlace(near.state, address)
    if (called === undefined) return undefined
    this.near = near
    this.otherNow = near.now()
    this.called = called
    return called.state as T
  }

  /**
   * Decides a request, key and all; what it does is done by {@link finish} at the latest.
   * @returns false when it is for the command (DC2)
   */
  run(shard: Shard, direct: PreparedDirect, request: ShardRequest): boolean {
    const self = inPlace(shard.state, request.address)
    if (self === undefined) return false
    this.home = shard
    this.self = self
    this.near = undefined
    this.now = shard.now()
    let turn: DecidedTurn | undefined
    try {
      turn = this.decide(direct, request)
    } catch {
      // The command meets the same, and says so.
    }
    if (turn === undefined) return false
    this.begin(turn)
    if (this.decided.push(turn) === turnsAtOnce) this.finish()
    return true
  }

  /** @returns undefined for another case */
  private decide(direct: PreparedDirect, request: ShardRequest): DecidedTurn | undefined {
    const { definition } = direct
    const { home } = this
    const plan = definition.plan(this, request.input)
    // Found by what the plan asked for.
    const { near, called } = this
    const event = near && direct.called.get(called.kind)
    if (plan === undefined || event === undefined) return undefined
    const { address } = called
    const message = new Message(home.number, near!.number, address, definition.call, plan.input)
    message.handled = true
    const turn = new DecidedTurn(request, direct, plan, near!, message, home.state.sequence)
    set(turn.own, this.self, direct.own, plan.data)
    set(turn.called, called, event, plan.calledData)
    const born = new Activation(plan.bornAddress, direct.born, direct.born.initial, 0, 0)
    born.finished = true
    set(turn.born, born, direct.bornEvent, plan.bornData)
    return direct.born.passivateWhen?.(turn.born.after) === true ? turn : undefined
  }

  /** What the next turn's decision depends on: states, keys, numbers. */
  private begin(turn: DecidedTurn): void {
    const { home } = this
    const { own, born, called, near, key } = turn
    own.activation.state = own.after
    born.activation.state = born.after
    called.activation.state = called.after
    home.state.openTurn(home.frame.decide(this.now))
    near.state.openTurn(near.frame.decide(this.otherNow))
    near.causeDurable = false
    home.state.sequence++
    home.state.remember(key)
  }

  /** Ends the steps of all turns that are decided. Nothing but a decision comes before (X7). */
  finish(): void {
    const { decided, home } = this
    if (decided.length === 0) return
    this.decided = []
    count(home, decided)
    enter(home, decided)
    write(home, decided)
    keep(home, decided)
    answer(home, decided)
  }
}

/** An actor in memory whose state may be changed where it is. */
function inPlace(state: ShardState, address: Address): Activation | undefined {
  const found = state.actors.get(address)
  return found?.home !== undefined && state.openCuts === 0 ? found : undefined
}

function set(
  change: AppliedChange,
  activation: Activation,
  handler: EventHandler,
  data: object,
): void {
  change.set(activation, handler, data, handler.evolve(activation.state, data))
}

/** Brings turns into the tallies, and numbers their messages. */
function count({ state }: Shard, turns: readonly DecidedTurn[]): void {
  for (const { own, born, message } of turns) {
    state.observe(own)
    state.observe(born)
    state.send(message, 0)
  }
  for (const { near, called, message } of turns) {
    near.state.consumeCause(message)
    near.state.observe(called)
    near.state.remember(undefined)
  }
}

/** Brings them into the histories. */
function enter({ state }: Shard, turns: readonly DecidedTurn[]): void {
  for (const { own, born, called, near } of turns) {
    own.row = own.activation.kind.definition.history?.(own)
    called.row = called.activation.kind.definition.history?.(called)
    state.enter(own)
    state.enter(born)
    near.state.enter(called)
  }
}

/** Writes them into the open frames. */
function write({ frame }: Shard, turns: readonly DecidedTurn[]): void {
  for (const { own, born, message, key } of turns) {
    const turn = { cause: requested, messages: [message], key, timers: none, quarantine: none }
    frame.write(turn, [own, born])
  }
  for (const { near, called, message: cause } of turns) {
    const turn = { cause, messages: none, key: undefined, timers: none, quarantine: none }
    near.frame.write(turn, [called])
  }
}

/** Brings their states to where they stay. */
function keep({ state }: Shard, turns: readonly DecidedTurn[]): void {
  for (const { own, born, called, near } of turns) {
    state.keep(own.activation)
    state.keep(born.activation)
    near.state.keep(called.activation)
    state.quarantine.succeeded(own.address)
    near.state.quarantine.succeeded(called.address)
  }
}

function answer({ services, runner }: Shard, turns: readonly DecidedTurn[]): void {
  for (const { request, direct, plan, born } of turns) {
    try {
      const value = direct.definition.answer(plan, born.after)
      services.answer(request.id, answerKinds.value, value, true)
    } catch (error) {
      runner.replayFailed(request, error)
    }
  }
}
