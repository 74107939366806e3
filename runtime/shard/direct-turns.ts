/**
 * Runs direct commands: see `actor/direct.ts` for what they are. The turn is decided from two states in
 * memory, drafted in both shards' frames, and committed by the same code as any other.
 *
 * X6. Nothing is changed before both drafts are written; until then whatever is not as nearly always leaves
 *     the case to the command, which fails or refuses in its own words.
 */
import type { Address } from '../actor/address.js'
import type { DirectPlan, DirectTurn } from '../actor/direct.js'
import type { PreparedDirect } from '../actor/direct-kinds.js'
import type { EventHandler } from '../actor/kinds.js'
import { Message } from '../messaging/message.js'
import { recordKinds } from '../messaging/idempotency-table.js'
import { requested } from './committed-turn.js'
import { answerKinds, type ShardRequest } from './requests.js'
import type { Shard } from './shard.js'
import { Activation, AppliedChange, type ShardState } from './shard-state.js'

const none: never[] = []

/** All shards of a thread use one, as they do the transaction. */
export class DirectTurns implements DirectTurn<unknown> {
  readonly settings: Readonly<Record<string, unknown>>
  private home!: Shard
  private self!: Activation
  private near: Shard | undefined = undefined
  private called!: Activation
  private message!: Message
  now = 0
  otherNow = 0
  private readonly ownChange = new AppliedChange()
  private readonly bornChange = new AppliedChange()
  private readonly calledChange = new AppliedChange()
  private readonly mainChanges = [this.ownChange, this.bornChange]
  private readonly nearChanges = [this.calledChange]

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
   * Does a request, key and all, and gives its answer.
   * @returns false when nothing was done: it is for the command (DC2)
   */
  run(shard: Shard, direct: PreparedDirect, request: ShardRequest): boolean {
    const self = inPlace(shard.state, request.address)
    if (self === undefined) return false
    this.begin(shard, self)
    let answer: unknown
    try {
      answer = this.prepare(direct, request.input)
    } catch {
      // The command meets the same, and says so.
      this.undraft()
    }
    if (answer === undefined) return false
    this.commit(request)
    shard.services.answer(request.id, answerKinds.value, answer, true)
    return true
  }

  private begin(shard: Shard, self: Activation): void {
    this.home = shard
    this.self = self
    this.near = undefined
    this.now = shard.now()
  }

  /** The draft in its own shard takes itself away when it fails. */
  private undraft(): void {
    this.near?.undraft()
  }

  /** Decides and drafts. @returns the answer; undefined for another case */
  private prepare(direct: PreparedDirect, input: unknown): unknown {
    const { definition } = direct
    const plan = definition.plan(this, input)
    // Found by what the plan asked for.
    const { near } = this
    const called = near && direct.called.get(this.called.kind)
    if (plan === undefined || called === undefined) return undefined
    const born = this.evolve(direct, called, plan)
    if (direct.born.passivateWhen?.(born) !== true) return undefined
    const answer = definition.answer(plan, born)
    const { address } = this.called
    const { number } = near!
    const message = new Message(this.home.number, number, address, definition.call, plan.input)
    message.handled = true
    this.message = message
    near!.body.draft({ events: this.nearChanges, messages: none, timers: none })
    this.home.body.draft({ events: this.mainChanges, messages: [message], timers: none })
    return answer
  }

  /** @returns the state of the new actor */
  private evolve(direct: PreparedDirect, called: EventHandler, plan: DirectPlan): unknown {
    change(this.ownChange, this.self, direct.own, plan.data)
    change(this.calledChange, this.called, called, plan.calledData)
    const born = new Activation(plan.bornAddress, direct.born, direct.born.initial, 0, 0)
    born.finished = true
    change(this.bornChange, born, direct.bornEvent, plan.bornData)
    return this.bornChange.after
  }

  private commit(request: ShardRequest): void {
    const { home, near, message } = this
    const note = home.state.sequence++
    const { hashes } = request
    const key = hashes && { hashes, kind: recordKinds.note, note }
    for (const { activation, after } of this.mainChanges) activation.state = after
    this.called.state = this.calledChange.after
    const own = { cause: requested, messages: [message], key, timers: none, quarantine: none }
    home.commitTurn(own, this.mainChanges, this.now)
    near!.causeDurable = false
    const theirs = { ...own, cause: message, messages: none, key: undefined }
    near!.commitTurn(theirs, this.nearChanges, this.otherNow)
    home.state.quarantine.succeeded(this.self.address)
    near!.state.quarantine.succeeded(this.called.address)
  }
}

/** An actor in memory whose state may be changed where it is. */
function inPlace(state: ShardState, address: Address): Activation | undefined {
  const found = state.actors.get(address)
  return found?.home !== undefined && found.home === found.state && state.openCuts === 0
    ? found
    : undefined
}

function change(
  of: AppliedChange,
  activation: Activation,
  handler: EventHandler,
  data: object,
): void {
  of.set(activation, handler, data, handler.evolve(activation.state, data))
  of.row = activation.kind.definition.history?.(of)
}
