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
import type { Message } from '../messaging/message.js'
import type { TimerChange } from './committed-turn.js'
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

// Most turns send little, wake few and set no timer: their lists are made when they are needed.
const noMessages: Message[] = []
const noTimers: TimerChange[] = []
const noWakes: Wake[] = []
const noActivations: Activation[] = []

export class Transaction {
  readonly changes: AppliedChange[] = []
  messages: Message[] = noMessages
  timers: TimerChange[] = noTimers
  wakes: Wake[] = noWakes
  readonly state: ShardState
  readonly services: TransactionServices
  /** Shard time of the turn. */
  readonly now: number
  private readonly sequenceBefore: number
  private readonly timerBefore: number
  /** Actors this turn touched that are not in memory. */
  private visitors: Map<Address, Activation> | undefined
  /** Actors this turn brought to memory. */
  private attached: Activation[] = noActivations
  private depth = 0
  /** What a handler threw first, if any did. */
  failure: unknown

  constructor(state: ShardState, services: TransactionServices, now: number) {
    this.state = state
    this.services = services
    this.now = now
    this.sequenceBefore = state.sequence
    this.timerBefore = state.timers.next
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
    const activation = this.visit(address)
    const handler = activation.kind.commands.get(command)
    if (handler === undefined) {
      throw new UnknownCommand(`${activation.kind.name} has no command "${command}"`)
    }
    if (++this.depth > limits.callDepthMax) throw new Error('calls are nested too deep: a loop?')
    try {
      const outcome = handler(new TurnContext(this, activation), input)
      if (outcome instanceof Promise) {
        throw new Error(`${activation.kind.name}.${command} is async; turns must be synchronous`)
      }
      return outcome
    } catch (error) {
      // A caller that catches this can't save the turn: the callee may have done half its work.
      this.failure ??= error
      throw error
    } finally {
      this.depth--
    }
  }

  /** An actor of this shard, as this turn sees it. */
  visit(address: Address): Activation {
    const known = this.state.actors.get(address) ?? this.visitors?.get(address)
    if (known !== undefined) return known
    const kind = this.state.kinds.of(address)
    if (kind === undefined) throw new UnknownCommand(`no kind is defined for ${address}`)
    const visitor = this.state.load(address, kind)
    this.visitors ??= new Map()
    this.visitors.set(address, visitor)
    return visitor
  }

  emit(activation: Activation, event: string, data: unknown): void {
    const { kind } = activation
    const handler = kind.events.get(event)
    if (handler === undefined) throw new Error(`${kind.name} has no event "${event}"`)
    const before = activation.state
    const after = handler.evolve(before, data)
    if (after === undefined) throw new Error(`event ${handler.tag} returned no state`)
    const change = new AppliedChange(activation, handler, data, before, after)
    change.row = kind.definition.history?.(change)
    if (this.state.actors.get(activation.address) !== activation) {
      this.state.attach(activation)
      if (this.attached === noActivations) this.attached = []
      this.attached.push(activation)
    }
    activation.state = after
    this.changes.push(change)
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
  }

  shardOf(address: Address): number {
    return this.state.kinds.shardOf(address, this.state.shards)
  }
}

/** A command that nobody understands: an error of the caller, not of the actor. */
export class UnknownCommand extends Error {}

class TurnContext implements Turn<unknown> {
  private readonly tx: Transaction
  private readonly activation: Activation

  constructor(tx: Transaction, activation: Activation) {
    this.tx = tx
    this.activation = activation
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
    return (
      this.activation.version +
      this.tx.changes.filter((c) => c.activation === this.activation).length
    )
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
    if (this.tx.shardOf(address) !== this.tx.state.shard) {
      throw new Error(`${address} lives in another shard; send to it instead`)
    }
    return this.tx.run(address, command, input) as ReturnType<P[N]>
  }

  send<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
    options?: SendOptions,
  ): void {
    if (this.tx.messages === noMessages) this.tx.messages = []
    this.tx.messages.push({
      source: this.tx.state.shard,
      target: this.tx.shardOf(address),
      number: 0,
      address,
      command,
      input,
      from: options?.then === undefined ? undefined : this.activation.address,
      then: options?.then,
      context: options?.context,
      stamp: undefined,
      durable: false,
    })
  }

  read<T>(address: Address): T {
    if (this.tx.shardOf(address) !== this.tx.state.shard) {
      throw new Error(`${address} lives in another shard and can't be read here`)
    }
    return this.tx.visit(address).state as T
  }

  after(delayMs: number, command: string, input: unknown): TimerId {
    const id = this.tx.state.timers.next++
    const due = this.tx.now + Math.max(0, delayMs)
    const timer = { id, due, address: this.activation.address, command, input }
    this.change({ type: 'set', timer })
    return id
  }

  cancel(timer: TimerId): void {
    this.change({ type: 'cancel', id: timer })
  }

  private change(timer: TimerChange): void {
    if (this.tx.timers === noTimers) this.tx.timers = []
    this.tx.timers.push(timer)
  }

  park(token: string): Parked {
    return new Parked(token)
  }

  remember(note: number, token?: string): Remembered {
    return new Remembered(note, token)
  }

  wake(token: string, options?: { settledElsewhere?: boolean }): void {
    if (this.tx.wakes === noWakes) this.tx.wakes = []
    this.tx.wakes.push({ token, settledElsewhere: options?.settledElsewhere ?? false })
  }

  shardOf(address: Address): number {
    return this.tx.shardOf(address)
  }
}
