/**
 * One turn while it runs: the handler's context and all it did so far.
 *
 * X1. Events change activations at once; until the shard commits the transaction, `rollback` undoes
 *     all of them, those of called actors included.
 */
import type { Address, Protocol } from '../actor/address.js'
import { refusal, type Refusal } from '../actor/refusal.js'
import { Parked, Remembered, type SendOptions, type TimerId, type Turn } from '../actor/turn.js'
import { limits } from '../limits.js'
import { Message } from '../messaging/message.js'
import type { TimerChange, TurnDraft } from './committed-turn.js'
import { AppliedChange, type Activation, type ShardState } from './shard-state.js'

/** What a transaction needs from outside. */
export interface TransactionServices {
  readonly random: () => number
  readonly settings: Readonly<Record<string, unknown>>
}

/** A token to wake once the turn is committed. */
export interface Wake {
  readonly token: string
  readonly settledElsewhere: boolean
}

/**
 * All shards of a thread use one: turns are synchronous, so it serves one after the other, and what it
 * is made of stays in the cache when the next shard has its turn.
 */
export class Transaction {
  /** The turn's events. Reused by the next turn: nothing may keep them. */
  readonly changes: AppliedChange[] = []
  readonly messages: Message[] = []
  readonly timers: TimerChange[] = []
  /** The same, as a frame holds it. */
  readonly asDraft: TurnDraft = {
    events: this.changes,
    messages: this.messages,
    timers: this.timers,
  }
  readonly wakes: Wake[] = []
  /** The shard whose turn it is. */
  state!: ShardState
  readonly services: TransactionServices
  /** Shard time of the turn. */
  now = 0
  private sequenceBefore = 0
  private timerBefore = 0
  /** Actors this turn touched that are not in memory. */
  private readonly visitors: Activation[] = []
  /** Actors this turn brought to memory. */
  private readonly attached: Activation[] = []
  /** Changes and contexts to use again. */
  private readonly spareChanges: AppliedChange[] = []
  private readonly contexts: TurnContext[] = []
  private depth = 0
  /** What a handler threw first, if any did. */
  failure: unknown

  constructor(random: () => number, settings: Readonly<Record<string, unknown>>) {
    this.services = { random, settings }
  }

  /** Begins a turn of a shard. */
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
    empty(this.attached)
    this.failure = undefined
    return this
  }

  /** True when the turn did anything a frame must hold. */
  get dirty(): boolean {
    return (
      this.changes.length > 0 ||
      this.messages.length > 0 ||
      this.timers.length > 0 ||
      this.state.sequence !== this.sequenceBefore
    )
  }

  /** Runs one handler; nested for `call`. @throws what the handler throws */
  run(address: Address, command: string, input: unknown): unknown {
    return this.runOn(this.visit(address), command, input)
  }

  runOn(activation: Activation, command: string, input: unknown): unknown {
    const handler = activation.kind.commands.get(command)
    if (handler === undefined) {
      throw new UnknownCommand(`${activation.kind.name} has no command "${command}"`)
    }
    if (this.depth >= limits.callDepthMax) throw new Error('calls are nested too deep: a loop?')
    const context = (this.contexts[this.depth] ??= new TurnContext(this))
    this.depth++
    context.begin(activation)
    try {
      const outcome = handler(context, input)
      if (outcome instanceof Promise) {
        throw new Error(`${activation.kind.name}.${command} is async; turns must be synchronous`)
      }
      return outcome
    } catch (error) {
      // A caller that catches this can't save the turn: the callee may have done half its work.
      this.failure ??= error
      throw error
    } finally {
      context.end()
      this.depth--
    }
  }

  /** An actor of this shard, as this turn sees it. @throws when it lives elsewhere */
  visit(address: Address): Activation {
    const live = this.state.actors.get(address)
    if (live !== undefined) return live
    for (const visitor of this.visitors) if (visitor.address === address) return visitor
    const kind = this.state.kinds.of(address)
    if (kind === undefined) throw new UnknownCommand(`no kind is defined for ${address}`)
    if (this.shardOf(address) !== this.state.shard) {
      throw new Error(`${address} lives in another shard; send to it instead`)
    }
    const visitor = this.state.stored(address, kind)
    this.visitors.push(visitor)
    return visitor
  }

  emit(activation: Activation, event: string, data: unknown): void {
    const { kind } = activation
    const handler = kind.events.get(event)
    if (handler === undefined) throw new Error(`${kind.name} has no event "${event}"`)
    const after = handler.evolve(activation.state, data)
    if (after === undefined) throw new Error(`event ${handler.tag} returned no state`)
    const { changes, spareChanges } = this
    const change = spareChanges[changes.length] ?? new AppliedChange()
    if (changes.length < spareChangesMax) spareChanges[changes.length] = change
    change.set(activation, handler, data, after)
    change.row = kind.definition.history?.(change)
    if (!activation.attached) {
      this.state.attach(activation)
      this.attached.push(activation)
    }
    activation.state = after
    changes.push(change)
  }

  /** Undoes everything. */
  rollback(): void {
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const change = this.changes[i]!
      change.activation.state = change.before
    }
    for (const activation of this.attached) this.state.passivate(activation)
    this.state.sequence = this.sequenceBefore
    this.state.timers.next = this.timerBefore
    this.begin(this.state, this.now)
  }

  shardOf(address: Address): number {
    return this.state.kinds.shardOf(address, this.state.shards)
  }
}

/** Takes all items out. Popping: setting a length leaves compiled code, thousands of times a second. */
function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}

/** A command that nobody understands: an error of the caller, not of the actor. */
export class UnknownCommand extends Error {}

/** Events of one turn whose objects are kept for the next ones. */
const spareChangesMax = 64

class TurnContext implements Turn<unknown> {
  private readonly tx: Transaction
  /** The actor whose handler runs; undefined between turns. */
  private current: Activation | undefined

  constructor(tx: Transaction) {
    this.tx = tx
  }

  begin(activation: Activation): void {
    this.current = activation
  }

  end(): void {
    this.current = undefined
  }

  private get activation(): Activation {
    if (this.current === undefined) throw new Error('a turn was used after its end')
    return this.current
  }

  get key(): string {
    return this.activation.key
  }
  get address(): Address {
    return this.activation.address
  }
  get state(): unknown {
    return this.activation.state
  }
  get version(): number {
    const { activation } = this
    let { version } = activation
    for (const change of this.tx.changes) if (change.activation === activation) version++
    return version
  }
  get now(): number {
    return this.tx.now
  }
  get shard(): number {
    return this.tx.state.shard
  }
  get settings(): Readonly<Record<string, unknown>> {
    return this.tx.services.settings
  }

  random(): number {
    return this.tx.services.random()
  }

  sequence(): number {
    return this.tx.state.sequence++
  }

  emit(event: string, data: unknown): void {
    this.tx.emit(this.activation, event, data)
  }

  refuse<Code extends string>(
    code: Code,
    detail: string,
    options?: { sticky?: boolean },
  ): Refusal<Code> {
    return refusal(code, detail, options?.sticky ?? true)
  }

  call<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
  ): ReturnType<P[N]> {
    return this.tx.runOn(this.tx.visit(address), command, input) as ReturnType<P[N]>
  }

  send<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
    options?: SendOptions,
  ): void {
    const { tx, activation } = this
    const message = new Message(tx.state.shard, tx.shardOf(address), address, command, input)
    if (options !== undefined) {
      message.then = options.then
      message.context = options.context
      if (options.then !== undefined) message.from = activation.address
    }
    tx.messages.push(message)
  }

  read<T>(address: Address): T {
    return this.tx.visit(address).state as T
  }

  after(delayMs: number, command: string, input: unknown): TimerId {
    // A due time that is no number has no place among the others: none of them would fire any more.
    if (!Number.isFinite(delayMs)) throw new TypeError(`a delay of ${String(delayMs)} ms`)
    const id = this.tx.state.timers.next++
    const due = this.tx.now + Math.max(0, delayMs)
    const timer = { id, due, address: this.activation.address, command, input }
    this.tx.timers.push({ type: 'set', timer })
    return id
  }

  cancel(timer: TimerId): void {
    this.tx.timers.push({ type: 'cancel', id: timer })
  }

  park(token: string): Parked {
    return new Parked(token)
  }

  remember(note: number, token?: string): Remembered {
    return new Remembered(note, token)
  }

  wake(token: string, options?: { settledElsewhere?: boolean }): void {
    this.tx.wakes.push({ token, settledElsewhere: options?.settledElsewhere ?? false })
  }

  shardOf(address: Address): number {
    return this.tx.shardOf(address)
  }
}
