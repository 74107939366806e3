/**
 * The host of the shards of one thread: runs them in slices, moves what leaves them, ticks.
 * It holds no policy of shards or lanes; it only decides who runs next.
 */
import type { Address } from '../actor/address.js'
import type { QuarantinedActor, ShardStatus, SilentPair } from '../actor/client.js'
import type { Env, TimerHandle } from '../env/env.js'
import type { JournalLane } from '../journal/journal.js'
import { limits } from '../limits.js'
import type { Message } from '../messaging/message.js'
import { behindAdvice, clockBehind, ClockGuard } from '../shard/clock-guard.js'
import { Lane, type Acknowledgement, type Released } from '../shard/lane.js'
import { quarantinedOf, statusOf } from '../shard/shard-status.js'
import { sweepIdleActors } from '../shard/passivation.js'
import type { QueuedRequest } from '../shard/requests.js'
import type { ShardState } from '../shard/shard-state.js'
import { Shard } from '../shard/shard.js'
import { Transaction } from '../shard/transaction.js'
import { durableStatuses } from './durable-statuses.js'
import { claimsTo, goalOf, hearClaim } from './claims.js'
import { ReadyShards } from './ready-shards.js'
import type { HostLinks, HostOptions } from './host-surroundings.js'
import { greetingsOf, Outgoing } from './outgoing.js'
import { regressed } from './pair-ends.js'
import { PairComparison } from './pair-comparison.js'
import { AnswerBatch, AnswersByOrigin, type PeerBatch } from './batches.js'
import type { StatusOrder } from './thread-protocol.js'

// ms of a tick; ticks between two looks at the fence, and between two sweeps: a second at least
const [tickMs, fenceTicks, sweepTicks] = [50, 10, 20]

export class ShardHost {
  private readonly env: Env
  private readonly options: HostOptions
  private readonly links: HostLinks
  readonly clock: ClockGuard
  private readonly transaction: Transaction
  private shards: Shard[] = []
  private lanes: Lane[] = []
  /** By shard number. */
  private readonly byNumber: (Shard | undefined)[] = []
  private readonly laneOf: (Lane | undefined)[] = []
  private readonly ready = new ReadyShards((shard) => this.laneOf[shard.number])
  private pumping = false
  private serving = false
  private stopped = false
  private tick: TimerHandle | undefined
  private ticks = 0
  private readonly comparison = new PairComparison()
  /** Called on every tick; snapshots hang here. */
  onTick: () => void = () => undefined

  constructor(env: Env, options: HostOptions, links: HostLinks) {
    this.env = env
    this.options = options
    this.links = links
    this.clock = new ClockGuard(env.clock)
    this.transaction = new Transaction(() => env.chance.next(), options.settings)
  }

  /** Adds a lane with its recovered shards. */
  addLane(journal: JournalLane, states: readonly ShardState[]): Lane {
    const lane: Lane = new Lane(journal, {
      answerBatch: () => (this.links.laneFailed ? new AnswersByOrigin() : new AnswerBatch()),
      tellsOfWaits: this.links.laneFailed !== undefined,
      release: (released) => this.release(released),
      fail: (error) => this.laneFailed(lane, error),
      goOn: () => this.goOn(lane),
    })
    for (const state of states) {
      const shard: Shard = new Shard(
        state,
        {
          monotonic: () => this.env.clock.monotonic(),
          now: () => this.clock.now(),
          report: (event, detail) => this.links.report(event, { shard: state.shard, ...detail }),
          answer: (id, kind, value, gated) => {
            lane.answer(shard, gated, id, kind, value)
          },
          turnAway: (id, code, detail) => lane.turnAway(id, code, detail),
          sent: (message) => {
            if (this.laneOf[message.target] === lane) this.deliver(message)
          },
          near: (number) => {
            const isNear = this.options.nearCalls && this.laneOf[number] === lane
            return isNear ? this.byNumber[number] : undefined
          },
          settled: (message) =>
            this.laneOf[message.source] === lane &&
            this.byNumber[message.source]!.state.outbox.settle(message.target, message.number),
        },
        this.options.bounds,
        this.transaction,
      )
      lane.shards.push(shard)
      lane.durable.set(state.shard, state.ordinal)
      this.shards.push(shard)
      this.byNumber[state.shard] = shard
      this.laneOf[state.shard] = lane
    }
    this.lanes.push(lane)
    const behindMs = clockBehind(this.env.clock.now(), states)
    if (behindMs > 0) this.links.report('clock_behind', { behindMs, advice: behindAdvice })
    return lane
  }

  /** True when this thread may be sent work. */
  get isReady(): boolean {
    return this.serving && !this.stopped && !this.clock.jumped
  }

  /** Lets a lane that was added while others serve begin: it greets, and sends again what it owes. */
  begin(lane: Lane): void {
    this.greet(lane.shards)
    const monotonic = this.env.clock.monotonic()
    for (const { state, number } of lane.shards) {
      this.resendTo(number)
      state.outbox.releaseAll()
      this.send(state.outbox.overdue(Infinity, Infinity, monotonic), [])
    }
    this.schedulePump()
  }

  /**
   * Takes no more work for the shards of a lane, and waits until all they did is durable.
   * @returns false when the lane failed meanwhile
   */
  async retire(lane: Lane): Promise<boolean> {
    for (const shard of lane.shards) shard.retire()
    await lane.quiet()
    return this.lanes.includes(lane)
  }

  /** Forgets a lane and its shards. */
  removeLane(lane: Lane): void {
    this.lanes = this.lanes.filter((one) => one !== lane)
    this.shards = this.shards.filter((shard) => !lane.shards.includes(shard))
    for (const shard of lane.shards) {
      this.byNumber[shard.number] = undefined
      this.laneOf[shard.number] = undefined
      this.comparison.forget(shard)
    }
  }

  /** Sends again, at once, what is owed to a shard whose owner is another now. */
  resendTo(target: number): void {
    const monotonic = this.env.clock.monotonic()
    for (const { state } of this.shards) {
      const owed = state.outbox.owedTo(target, limits.resendMessagesMax, monotonic)
      this.send(owed, claimsTo(state, target))
    }
  }

  /** Tells all peers how far their messages are durable here. */
  greet(shards: readonly Shard[] = this.shards): void {
    this.send(
      [],
      shards.flatMap(({ state }) => greetingsOf(state)),
    )
  }

  /** Starts to serve: what is owed is sent again, timers run. */
  serve(): void {
    this.serving = true
    for (const { state } of this.shards) state.outbox.releaseAll()
    this.resend(Infinity, Infinity)
    this.scheduleTick()
    this.schedulePump()
  }

  /** Takes requests of the client in. */
  submit(shard: number, request: QueuedRequest): void {
    const owner = this.byNumber[shard]
    if (owner === undefined || this.stopped) return
    owner.submit(request)
    this.ready.add(owner)
    this.schedulePump()
  }

  /** Takes a batch of another thread in. */
  receive(batch: PeerBatch): void {
    for (const ack of batch.acknowledgements) this.acknowledge(ack)
    for (const message of batch.messages) this.deliver(message)
    this.schedulePump()
  }

  /** @param asked which shards, with their tallies or without; all of both when it is absent; of shards that are not here, or write for longer than it waits, nothing is said */
  async status({ shards, tallies = true, waitMs }: StatusOrder = {}): Promise<ShardStatus[]> {
    // The tally shows turns that are not durable yet; copy it now, wait, then hand it out.
    const state = this.isReady ? 'active' : this.clock.jumped ? 'clock_jumped' : 'recovering'
    const asked = shards?.flatMap((number) => this.byNumber[number] ?? []) ?? this.shards
    const statuses = asked.map((shard) => statusOf(shard, this.options.thread, state, tallies))
    return durableStatuses(statuses, (shard) => this.laneOf[shard], this.env.timers, waitMs)
  }

  quarantined(): QuarantinedActor[] {
    return this.shards.flatMap(({ state }) => quarantinedOf(state))
  }

  /** @returns false when a waiting command failed again */
  async releaseActor(shard: number, address: Address): Promise<boolean> {
    const owner = this.byNumber[shard]!
    const released = owner.release(address)
    this.wakeUp(owner)
    await this.laneOf[shard]!.quiet()
    this.schedulePump()
    return released
  }

  /** Begins a comparison of all pairs this thread's shards send on. */
  comparePairs(): void {
    this.comparison.begin(this.shards)
    this.schedulePump()
  }

  /** Pairs whose comparison has not been acknowledged yet. */
  silentPairs(): SilentPair[] {
    return this.comparison.silentPairs()
  }

  /** Stops running turns at once. */
  stop(): void {
    this.stopped = true
    this.tick?.cancel()
  }

  /** Stops running turns, waits for what is in flight and seals the journal. */
  async seal(): Promise<void> {
    this.stopped = true
    this.tick?.cancel()
    for (const lane of this.lanes) {
      await lane.quiet()
      await lane.journal.seal()
    }
  }

  private schedulePump(): void {
    if (this.pumping || this.stopped || !this.serving) return
    this.pumping = true
    this.env.timers.soon(() => {
      this.pumping = false
      this.pump()
    })
  }

  /** Runs shards for one slice, then lets go and writes what has gathered. */
  private pump(): void {
    if (this.stopped) return
    try {
      let left: number = limits.sliceTurnsMax
      const until = this.env.clock.monotonic() + limits.sliceMsMax
      while (left > 0) {
        const shard = this.ready.runNext()
        if (shard === undefined) break
        left -= this.ready.ran
        const lane = this.laneOf[shard.number]
        if (shard.full || lane?.isOfOne === true) lane?.flush()
        // A full frame has to leave first; the lane wakes its shards when it may fill another one.
        if (!shard.full) this.ready.add(shard)
        if (this.env.clock.monotonic() >= until) left = 0
      }
      for (const lane of this.lanes) lane.flush()
      if (left <= 0) this.schedulePump()
    } catch (error) {
      this.fail(error)
    }
  }

  private release(released: Released): void {
    const { answers, messages, acknowledgements } = released
    if (!answers.empty) {
      answers.leave((origin, bytes) => {
        this.links.answers(origin, bytes)
      })
    }
    const leaving: Message[] = []
    for (const message of messages) {
      message.durable = true
      this.byNumber[message.source]!.state.outbox.release(message.target, message.number)
      // Inside the lane it was handled when it was sent.
      const within = this.laneOf[message.target]
      if (within === undefined || within !== this.laneOf[message.source]) leaving.push(message)
    }
    this.send(leaving, acknowledgements)
  }

  /** Moves messages and acknowledgements to their shards, here or elsewhere. */
  private send(messages: readonly Message[], acknowledgements: readonly Acknowledgement[]): void {
    const outgoing = new Outgoing((shard) => this.links.placeOf(shard))
    for (const message of messages) {
      if (this.byNumber[message.target] !== undefined) this.deliver(message)
      else outgoing.message(message)
    }
    for (const ack of acknowledgements) {
      if (this.byNumber[goalOf(ack)] !== undefined) this.acknowledge(ack)
      else outgoing.acknowledgement(ack)
    }
    outgoing.leave((place, batch) => {
      this.links.peers(place, batch)
    })
  }

  private deliver(message: Message): void {
    const shard = this.byNumber[message.target]
    if (shard === undefined) return
    shard.receive(message)
    this.ready.add(shard)
    this.schedulePump()
  }

  private acknowledge(ack: Acknowledgement): void {
    const state = this.byNumber[goalOf(ack)]?.state
    if (state === undefined) return
    if (ack.number < 0) {
      hearClaim(ack, state, this.laneOf[state.shard]!)
      return
    }
    // An old one, or of a shard that has lost what it had.
    if (ack.number < state.outbox.acknowledgedNumber(ack.target))
      this.send([], claimsTo(state, ack.target))
    const known = state.outbox.acknowledge(ack.target, ack.number, this.env.clock.monotonic())
    if (known) return
    const lost = regressed({ ...ack, shard: ack.target }, 'Restore what was lost')
    this.laneOf[ack.source]!.fail(lost)
  }

  private resend(olderMs: number, atMost: number): void {
    const monotonic = this.env.clock.monotonic()
    const before = olderMs === Infinity ? Infinity : monotonic - olderMs
    for (const shard of this.shards) {
      const messages = shard.state.outbox.overdue(before, atMost, monotonic)
      if (messages.length > 0) this.send(messages, [])
    }
  }

  private scheduleTick(): void {
    this.tick = this.env.timers.after(tickMs, () => {
      if (!this.stopped) this.runTick()
      if (!this.stopped) this.scheduleTick()
    })
  }

  private runTick(): void {
    try {
      this.resend(limits.resendMs, limits.resendMessagesMax)
      this.clock.watch(this.links)
      // An idle owner that was succeeded finds out too, and ends.
      if (this.ticks++ % fenceTicks === 0) for (const lane of this.lanes) lane.checkOwner()
      for (const shard of this.shards) {
        // A timer's turn may wake requests.
        if (!this.clock.jumped && shard.fireTimers(limits.sliceTurnsMax) > 0) this.wakeUp(shard)
        sweepIdleActors(shard.state, shard.now())
        if (this.ticks % sweepTicks === 0) shard.runner.sweep()
      }
      for (const lane of this.lanes) lane.flush()
      this.onTick()
    } catch (error) {
      this.fail(error)
    }
  }

  private wakeUp(shard: Shard): void {
    if (!shard.hasRequests) return
    this.ready.add(shard)
    this.schedulePump()
  }

  /** A lane may write another group. @returns whether what waits is run before */
  private goOn(lane: Lane): boolean {
    let waits = false
    for (const shard of lane.shards) {
      this.ready.add(shard)
      waits ||= shard.hasMessages || shard.hasRequests
    }
    this.schedulePump()
    // With many shards to a lane, what was run meanwhile is a full group as it is.
    return waits && lane.isOfOne && this.pumping && !this.stopped
  }

  /** Where lanes fail alone, the clients of the lane's shards are sent to the next owner. */
  private laneFailed(lane: Lane, error: unknown): void {
    if (this.links.laneFailed === undefined) {
      this.fail(error)
      return
    }
    const shards = lane.shards.map(({ number }) => number)
    this.links.report('shard_lost', { shards, error })
    for (const shard of lane.shards) shard.retire()
    this.removeLane(lane)
    this.release({ answers: lane.lastWords, messages: [], acknowledgements: [] })
    this.links.laneFailed(shards, error)
  }

  private fail(error: unknown): void {
    if (this.stopped) return
    this.stopped = true
    this.tick?.cancel()
    this.links.fail(error)
  }
}
