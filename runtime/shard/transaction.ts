/**
 * One turn while it runs: the handler's context, and the parts of all it did so far.
 *
 * X2. A turn may call into another shard that commits in the same atomic group (a *near* shard): what
 *     is called is a message there, numbered and journaled as any other, whose turn is run at once.
 *     Both sides are committed together or not at all, and the group makes them durable together.
 * X3. A near call comes after all that was sent to its shard before: where anything still waits there is
 *     none, and the caller has to send.
 * X4. A near call that throws fails alone, as the message would: its caller gets `actor_failed`.
 * X5. A quarantined actor is not called, wherever it lives: what waits for it would be overtaken (Q2). A turn
 *     that calls one all the same fails as if its own actor were quarantined, and is not counted.
 */
import type { Address, Protocol } from '../actor/address.js'
import { refusal, type Refusal } from '../actor/refusal.js'
import { Parked, Remembered, type SendOptions, type TimerId, type Turn } from '../actor/turn.js'
import { runtimeCodes } from '../errors.js'
import { limits } from '../limits.js'
import { Message } from '../messaging/message.js'
import { disownPromise } from '../../transport/index.js'
import { DirectTurns } from './direct-turns.js'
import type { Activation, ShardState } from './shard-state.js'
import { CalleeSetAside, checkAddress, TurnPart, UnknownCommand } from './turn-part.js'

/** What a transaction needs from outside. */
export interface TransactionServices {
  readonly random: () => number
  readonly settings: Readonly<Record<string, unknown>>
}

/** A shard as a turn sees it: its own, or a near one. */
export interface TurnShard {
  readonly state: ShardState
  /** Shard time of the open frame. */
  now(): number
  /** A shard that commits in the same group as this one; undefined when that one does not. */
  nearShard(number: number): TurnShard | undefined
  /** Writes a part into the open frame. @throws TypeError when it is no plain data */
  draft(part: TurnPart): void
  /** Takes the draft away again. */
  undraft(): void
  /** Makes a part part of the state and of the open frame: the turn of a near call's message. */
  commitNear(part: TurnPart, message: Message): void
  /** An actor could take a near call. */
  callSucceeded(address: Address): void
  /** One could not. @returns true when it failed so often that it has to be set aside */
  callFailed(address: Address, command: string, error: unknown): boolean
  setAside(address: Address): void
}

/** What a turn did in a near shard. */
export class NearPart extends TurnPart {
  shard!: TurnShard
  /** The message whose turn it is. */
  message!: Message

  call(shard: TurnShard, message: Message): this {
    this.shard = shard
    this.message = message
    this.begin(shard.state, shard.now())
    return this
  }
}

/**
 * All shards of a thread use one: turns are synchronous, so it serves one after the other, and what it
 * is made of stays in the cache when the next shard has its turn.
 */
export class Transaction {
  /** The turn's part in its own shard. */
  readonly main = new TurnPart()
  /** Its parts in near shards, {@link nearCount} of them. Reused. */
  readonly near: NearPart[] = []
  nearCount = 0
  readonly services: TransactionServices
  /** Turns that need none of this. */
  readonly direct: DirectTurns
  private shard!: TurnShard
  /** What {@link canCall} found last; forgotten with whatever may make it untrue (X3). */
  private nearAddress: Address = ''
  private nearShard: TurnShard | undefined
  /** Actors that failed near calls once too often: set aside when the turn is over. */
  private readonly failing: { readonly shard: TurnShard; readonly address: Address }[] = []
  private readonly contexts: TurnContext[] = []
  private depth = 0
  /** True once a handler threw: whatever it threw, undefined too. */
  hasFailed = false
  /** What the first one threw. */
  failure: unknown = undefined

  constructor(random: () => number, settings: Readonly<Record<string, unknown>>) {
    this.services = { random, settings }
    this.direct = new DirectTurns(settings)
  }

  /** Begins a turn of a shard. */
  begin(shard: TurnShard): this {
    this.direct.finish()
    this.shard = shard
    this.main.begin(shard.state, shard.now())
    this.nearCount = 0
    this.nearAddress = ''
    this.forgetFailure()
    return this
  }

  /** True when the turn did anything a frame must hold. A near part that did has left a message. */
  get dirty(): boolean {
    return this.main.dirty
  }

  /** Runs one handler of the turn's own shard. @throws what the handler throws */
  run(address: Address, command: string, input: unknown): unknown {
    return this.runOn(this.main, this.actor(this.main, address), command, input)
  }

  runOn(part: TurnPart, activation: Activation, command: string, input: unknown): unknown {
    const handler = activation.kind.commands.get(command)
    if (handler === undefined) {
      throw new UnknownCommand(`${activation.kind.name} has no command "${command}"`)
    }
    if (this.depth >= limits.callDepthMax) throw new Error('calls are nested too deep: a loop?')
    const context = (this.contexts[this.depth] ??= new TurnContext(this))
    this.depth++
    context.begin(part, activation)
    try {
      const outcome = handler(context, input)
      if (disownPromise(outcome)) {
        throw new Error(`${activation.kind.name}.${command} is async; turns must be synchronous`)
      }
      return outcome
    } catch (error) {
      // A caller that catches this can't save the turn: the callee may have done half its work.
      if (!this.hasFailed) this.failure = error
      this.hasFailed = true
      throw error
    } finally {
      context.end()
      this.depth--
    }
  }

  /** An actor of a part's shard. @throws when it lives elsewhere */
  actor(part: TurnPart, address: Address): Activation {
    const activation = part.visit(address)
    if (activation === undefined) throw livesElsewhere(address)
    return activation
  }

  call(part: TurnPart, address: Address, command: string, input: unknown): unknown {
    if (part === this.main && address === this.nearAddress) {
      return this.callNear(this.nearShard!, address, command, input)
    }
    const activation = part.visit(address)
    if (activation !== undefined) {
      if (part.state.quarantine.has(address)) throw new CalleeSetAside(address)
      return this.runOn(part, activation, command, input)
    }
    if (!this.canCall(part, address)) throw livesElsewhere(address)
    return this.callNear(this.nearShard!, address, command, input)
  }

  /** Whether `call` reaches an actor: in the part's own shard, or in a near one (X3, X5). */
  canCall(part: TurnPart, address: Address): boolean {
    const number = this.shardOf(address)
    const { shard } = part.state
    if (number === shard) return !part.state.quarantine.has(address)
    // From a near shard no further one is reached: one step out of the turn's own shard.
    if (part !== this.main) return false
    const near = this.shard.nearShard(number)
    if (near === undefined || near.state.quarantine.has(address)) return false
    if (near.state.cursors[shard] !== part.state.outbox.lastNumber(number)) return false
    for (const message of part.messages) if (message.target === number) return false
    this.nearAddress = address
    this.nearShard = near
    return true
  }

  send(part: TurnPart, message: Message): void {
    // It comes before a call into its shard that was found possible: that has to be asked again (X3).
    this.nearAddress = ''
    checkAddress(message.address)
    part.messages.push(message)
  }

  /** Undoes everything. */
  rollback(): void {
    for (let i = 0; i < this.nearCount; i++) {
      const part = this.near[i]!
      part.rollback()
      part.shard.undraft()
    }
    this.nearCount = 0
    this.forgetFailure()
    this.main.rollback()
  }

  private forgetFailure(): void {
    this.hasFailed = false
    this.failure = undefined
  }

  /** Sets aside who failed too often in the turn that is over. */
  setFailingAside(): void {
    for (let one = this.failing.pop(); one !== undefined; one = this.failing.pop()) {
      one.shard.setAside(one.address)
    }
  }

  shardOf(address: Address): number {
    const { kinds, shards } = this.main.state
    return kinds.shardOf(address, shards)
  }

  /** Runs a message's turn in its target at once. Another one to the same shard has to wait for it (X3). */
  private callNear(shard: TurnShard, address: Address, command: string, input: unknown): unknown {
    this.nearAddress = ''
    const { main } = this
    const part = (this.near[this.nearCount] ??= new NearPart())
    const source = main.state.shard
    const message = new Message(source, shard.state.shard, address, command, input)
    part.call(shard, message)
    const outcome = this.attemptNear(part, address, command, input)
    if (part.dirty) {
      message.handled = true
      main.messages.push(message)
      this.nearCount++
    }
    return outcome
  }

  private attemptNear(part: NearPart, address: Address, command: string, input: unknown): unknown {
    const { hasFailed, failure } = this
    try {
      const outcome = this.runOn(part, this.actor(part, address), command, input)
      if (outcome instanceof Parked) throw new Error('a called turn must not park')
      if (part.dirty) part.shard.draft(part)
      part.shard.callSucceeded(address)
      return outcome
    } catch (error) {
      part.rollback()
      this.hasFailed = hasFailed
      this.failure = failure
      if (UnknownCommand.is(error)) return refusal('unknown_command', error.message, false)
      if (CalleeSetAside.is(error)) return refusal('quarantined', error.message, false)
      const { shard } = part
      if (shard.callFailed(address, command, error)) this.failing.push({ shard, address })
      return refusal('actor_failed', runtimeCodes.actor_failed.advice, false)
    }
  }
}

function livesElsewhere(address: Address): Error {
  return new Error(`${address} lives in another shard; send to it instead`)
}

class TurnContext implements Turn<unknown> {
  private readonly tx: Transaction
  private part: TurnPart
  /** The actor whose handler runs; undefined between turns. */
  private current: Activation | undefined

  constructor(tx: Transaction) {
    this.tx = tx
    this.part = tx.main
  }

  begin(part: TurnPart, activation: Activation): void {
    this.part = part
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
    for (const change of this.part.changes) if (change.activation === activation) version++
    return version
  }
  get now(): number {
    return this.part.now
  }
  get shard(): number {
    return this.part.state.shard
  }
  get settings(): Readonly<Record<string, unknown>> {
    return this.tx.services.settings
  }

  random(): number {
    return this.tx.services.random()
  }

  sequence(): number {
    return this.part.state.sequence++
  }

  emit(event: string, data: unknown): void {
    this.part.emit(this.activation, event, data)
  }

  refuse<Code extends string>(
    code: Code,
    detail: string,
    options?: { sticky?: boolean },
  ): Refusal<Code> {
    return refusal(code, detail, options?.sticky ?? true)
  }

  canCall(address: Address): boolean {
    return this.tx.canCall(this.part, address)
  }

  call<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
  ): ReturnType<P[N]> {
    return this.tx.call(this.part, address, command, input) as ReturnType<P[N]>
  }

  send<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
    options?: SendOptions,
  ): void {
    const { part, activation } = this
    // Between shards no command means that their totals are compared, and no actor sees it.
    if (command === '' || options?.then === '') throw new TypeError('a message has a command')
    const message = new Message(part.state.shard, this.tx.shardOf(address), address, command, input)
    if (options !== undefined) {
      message.then = options.then
      message.context = options.context
      if (options.then !== undefined) message.from = activation.address
    }
    this.tx.send(part, message)
  }

  read<T>(address: Address): T {
    return this.tx.actor(this.part, address).state as T
  }

  after(delayMs: number, command: string, input: unknown): TimerId {
    // A due time that is no number has no place among the others: none of them would fire any more.
    if (!Number.isFinite(delayMs)) throw new TypeError(`a delay of ${String(delayMs)} ms`)
    const { part } = this
    const id = part.state.timers.next++
    const due = part.now + Math.max(0, delayMs)
    const timer = { id, due, address: this.activation.address, command, input }
    part.timers.push({ type: 'set', timer })
    return id
  }

  cancel(timer: TimerId): void {
    this.part.timers.push({ type: 'cancel', id: timer })
  }

  park(token: string): Parked {
    return new Parked(token)
  }

  remember(note: number, token?: string): Remembered {
    return new Remembered(note, token)
  }

  wake(token: string, options?: { settledElsewhere?: boolean }): void {
    this.part.wakes.push({ token, settledElsewhere: options?.settledElsewhere ?? false })
  }

  shardOf(address: Address): number {
    return this.tx.shardOf(address)
  }
}
