/**
 * A driver for tests of actor definitions: several shards in memory, one synchronous step at a time,
 * messages in order per pair of shards and in any order between pairs. It is no runtime: nothing is
 * durable, nothing is fast, and every rule of a definition is checked at every step.
 *
 * D1. States, event data and message inputs are frozen copies of plain data, so a definition that
 *     changes one of them, or hides something in one, fails.
 * D2. After each turn every shard's tally is checked; what it finds to disagree is kept.
 */
import {
  isRefusal,
  keyOf,
  kindOf,
  refusal,
  type ActorDefinition,
  type ActorModule,
  type Address,
  type HistoryRow,
  type Parked,
  type QueryView,
  type Refusal,
  type Remembered,
  type RuntimeClient,
  type ShardStatus,
  type Turn,
} from '../../runtime/index.js'

/** What became of a request. */
export interface Ask {
  readonly address: Address
  readonly command: string
  readonly input: unknown
  readonly key: string | undefined
  /** True once it left its key behind: its answer is a first one. */
  remembered: boolean
  replayed: boolean
  /** Undefined while it waits. */
  answer: { readonly value: unknown } | undefined
}

interface Message {
  readonly address: Address
  readonly command: string
  readonly input: unknown
  readonly from: Address
  readonly then: string | undefined
  readonly context: unknown
  stamp: unknown
}

interface TestActor {
  readonly definition: ActorDefinition
  state: unknown
  version: number
  rows: HistoryRow[]
}

interface Timer {
  readonly id: number
  readonly due: number
  readonly shard: number
  readonly address: Address
  readonly command: string
  readonly input: unknown
}

interface Key {
  readonly request: string
  readonly note?: number
  readonly answer?: unknown
}

interface Shard {
  readonly number: number
  readonly actors: Map<Address, TestActor>
  readonly keys: Map<string, Key>
  readonly parked: Map<string, Ask[]>
  readonly tally: unknown
  sequence: number
}

export interface TestShardsOptions {
  readonly actors: ActorModule
  readonly shards: number
  /** Chooses which message is delivered next: a number in [0, 1). */
  readonly random?: () => number
  readonly settings?: Readonly<Record<string, unknown>>
  readonly now?: number
}

export class TestShards {
  now: number
  readonly disagreements: string[] = []
  /** Called after each turn; throws when a rule of the test is broken. */
  onTurn: () => void = () => undefined
  /** Returns true to lose a message: for tests of what finds the loss. */
  lose: (message: { address: Address; command: string }) => boolean = () => false
  /** Returns the refusal a message's target gives without running: as a runtime does for a bug. */
  failing: (message: { address: Address; command: string }) => Refusal | undefined = () => undefined
  readonly shards: readonly Shard[]
  private readonly options: TestShardsOptions
  private readonly definitions: ReadonlyMap<string, ActorDefinition>
  private readonly lanes = new Map<string, Message[]>()
  private timers: Timer[] = []
  private nextTimer = 1

  constructor(options: TestShardsOptions) {
    this.options = options
    this.now = options.now ?? Date.UTC(2026, 0, 15, 12)
    this.definitions = new Map(options.actors.definitions.map((d) => [d.kind, d]))
    this.shards = Array.from({ length: options.shards }, (_, number) => ({
      number,
      actors: new Map<Address, TestActor>(),
      keys: new Map<string, Key>(),
      parked: new Map<string, Ask[]>(),
      tally: options.actors.tally?.initial(number, options.shards),
      sequence: 1,
    }))
  }

  /** Sends a client's command; messages stay where they are until delivered. */
  ask(address: Address, command: string, input: unknown, key?: string): Ask {
    const ask: Ask = {
      address,
      command,
      input: frozen(input),
      key,
      remembered: false,
      replayed: false,
      answer: undefined,
    }
    this.runAsk(ask)
    return ask
  }

  query(address: Address, query: string, input: unknown = null): unknown {
    const { definition } = this.actorAt(address)
    const run = (definition.queries as Record<string, (v: unknown, i: unknown) => unknown>)[query]
    return run?.(this.viewOf(address), input)
  }

  state<S>(address: Address): S {
    return this.actorAt(address).state as S
  }

  /** All states of a kind. */
  statesOf<S>(kind: string): [Address, S][] {
    return this.shards.flatMap(({ actors }) =>
      [...actors].flatMap(([address, actor]): [Address, S][] =>
        kindOf(address) === kind ? [[address, actor.state as S]] : [],
      ),
    )
  }

  get messagesUnderWay(): number {
    return [...this.lanes.values()].reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Delivers the next message of any pair. @returns false when there is none */
  deliver(): boolean {
    const ready = [...this.lanes].filter(([, lane]) => lane.length > 0)
    const chosen = ready[Math.floor((this.options.random?.() ?? 0) * ready.length)]
    if (chosen === undefined) return false
    const [pair, lane] = chosen
    const message = lane.shift()
    const [source = 0, target = 0] = pair.split('>').map(Number)
    if (message !== undefined && !this.lose(message)) this.receive(message, source, target)
    return true
  }

  /** Delivers everything. */
  settle(): void {
    while (this.deliver());
  }

  /** Lets time pass; timers fire at their time. */
  advance(ms: number): void {
    const until = this.now + ms
    for (;;) {
      const timer = this.timers.filter(({ due }) => due <= until).sort((a, b) => a.due - b.due)[0]
      if (timer === undefined) break
      this.timers = this.timers.filter((other) => other !== timer)
      this.now = Math.max(this.now, timer.due)
      this.turn(timer.shard, timer.address, timer.command, timer.input)
    }
    this.now = until
  }

  shardOf(address: Address): number {
    const home = this.definitions.get(kindOf(address))?.home?.(keyOf(address)) ?? address
    if (typeof home === 'number') return home % this.options.shards
    let hash = 7
    for (const char of home) hash = (hash * 31 + char.charCodeAt(0)) >>> 0
    return hash % this.options.shards
  }

  /** Compares both sides of all pairs, as a runtime does for an audit. Everything must be delivered. */
  compare(): void {
    const { tally } = this.options.actors
    for (const source of this.shards) {
      for (const target of this.shards) {
        if (source === target) continue
        const said = tally?.sent(source.tally, target.number, {
          address: '',
          command: '',
          input: 0,
        })
        const found = tally?.received(target.tally, source.number, frozen(said))
        if (found !== undefined) this.disagreements.push(found)
      }
    }
  }

  /** As a runtime's client, everything delivered before each answer. */
  asRuntime(): RuntimeClient {
    return {
      shards: this.options.shards,
      actor: () => {
        throw new Error('not here')
      },
      command: (address, command, input, options) => {
        const ask = this.ask(address, command, input, options?.idempotencyKey)
        this.settle()
        const value = ask.answer?.value
        if (ask.answer === undefined) return Promise.reject(new Error('no answer'))
        if (isRefusal(value)) return Promise.reject(refusedError(value))
        return Promise.resolve({ value, replayed: ask.replayed })
      },
      query: (address, query, input) => {
        const value = this.query(address, query, input)
        return isRefusal(value) ? Promise.reject(refusedError(value)) : Promise.resolve(value)
      },
      shardStatus: () =>
        Promise.resolve(
          this.shards.map(({ number, tally }) => ({
            shard: number,
            tally: structuredClone(tally),
            disagreements: number === 0 ? [...this.disagreements] : [],
          })) as unknown as ShardStatus[],
        ),
      comparePairs: () => {
        this.compare()
        return Promise.resolve([])
      },
      quarantined: () => Promise.resolve([]),
      release: () => Promise.resolve(),
    }
  }

  private runAsk(ask: Ask): void {
    const shard = this.shardAt(this.shardOf(ask.address))
    const keyed = ask.key === undefined ? undefined : `${ask.address} ${ask.command} ${ask.key}`
    const known = keyed === undefined ? undefined : shard.keys.get(keyed)
    if (known !== undefined && keyed !== undefined) {
      this.answerKnown(ask, shard, known, keyed)
      return
    }
    const outcome = this.turn(shard.number, ask.address, ask.command, ask.input)
    if (isParked(outcome)) this.park(shard, outcome.parkedOn, ask)
    else if (isRemembered(outcome)) {
      const key = { request: JSON.stringify(ask.input), note: outcome.rememberedNote }
      shard.keys.set(keyed ?? '', key)
      ask.remembered = true
      if (outcome.wakeOn === undefined) this.answerKnown(ask, shard, key, keyed ?? '')
      else this.park(shard, outcome.wakeOn, ask)
    } else {
      if (keyed !== undefined && !(isRefusal(outcome) && !outcome.sticky)) {
        shard.keys.set(keyed, { request: JSON.stringify(ask.input), answer: frozen(outcome) })
      }
      ask.answer = { value: frozen(outcome) }
    }
  }

  private answerKnown(ask: Ask, shard: Shard, known: Key, keyed: string): void {
    ask.replayed = !ask.remembered
    if (known.request !== JSON.stringify(ask.input)) {
      ask.answer = { value: refusal('idempotency_conflict', 'Another request.') }
      return
    }
    if (known.note === undefined) {
      ask.answer = { value: known.answer }
      return
    }
    const outcome = this.actorAt(ask.address).definition.replays?.[ask.command]?.(
      this.viewOf(ask.address),
      known.note,
    )
    if (isParked(outcome)) this.park(shard, outcome.parkedOn, ask)
    else if (!isUnbound(outcome)) ask.answer = { value: frozen(outcome) }
    else if (ask.remembered) {
      shard.keys.delete(keyed)
      ask.answer = { value: frozen(outcome.unbound) }
    } else {
      shard.keys.delete(keyed)
      ask.replayed = false
      this.runAsk(ask)
    }
  }

  private park(shard: Shard, token: string, ask: Ask): void {
    shard.parked.set(token, [...(shard.parked.get(token) ?? []), ask])
  }

  private receive(message: Message, source: number, target: number): void {
    const { tally } = this.options.actors
    const shard = this.shardAt(target)
    if (message.stamp !== undefined) {
      const found = tally?.received(shard.tally, source, message.stamp)
      if (found !== undefined) this.disagreements.push(found)
    }
    if (message.then === undefined) {
      this.turn(target, message.address, message.command, message.input)
      return
    }
    const answer = (outcome: unknown): Message => ({
      address: message.from,
      command: message.then ?? '',
      input: frozen({ outcome, context: message.context }),
      from: message.address,
      then: undefined,
      context: undefined,
      stamp: undefined,
    })
    const failed = this.failing(message)
    if (failed !== undefined) this.post(answer(failed), target)
    else this.turn(target, message.address, message.command, message.input, answer)
  }

  /** Runs one turn. One that throws fails the test. */
  private turn(
    shard: number,
    address: Address,
    command: string,
    input: unknown,
    answer?: (outcome: unknown) => Message,
  ): unknown {
    const turn = new TestTurn(this, this.shardAt(shard), this.now)
    const outcome = turn.run(address, command, input)
    if (isParked(outcome) && (turn.events > 0 || turn.messages.length > 0)) {
      throw new Error(`${address} ${command} parked after it had changed something`)
    }
    if (answer !== undefined) turn.messages.push(answer(outcome))
    for (const message of turn.messages) this.post(message, shard)
    const { tally } = this.options.actors
    const broken = tally?.check(this.shardAt(shard).tally)
    if (broken !== undefined) throw new Error(`after ${address} ${command}: ${broken}`)
    this.onTurn()
    for (const token of turn.wakes) {
      const woken = this.shardAt(shard).parked.get(token) ?? []
      this.shardAt(shard).parked.delete(token)
      for (const ask of woken) this.runAsk(ask)
    }
    return outcome
  }

  private post(message: Message, source: number): void {
    const target = this.shardOf(message.address)
    message.stamp = frozen(
      this.options.actors.tally?.sent(this.shardAt(source).tally, target, message),
    )
    const pair = `${source}>${target}`
    this.lanes.set(pair, [...(this.lanes.get(pair) ?? []), message])
  }

  /** For turns. */
  setTimer(timer: Omit<Timer, 'id'>): number {
    const id = this.nextTimer++
    this.timers.push({ ...timer, id })
    return id
  }

  /** For turns. */
  cancelTimer(id: number): void {
    this.timers = this.timers.filter((timer) => timer.id !== id)
  }

  /** For turns. */
  observe(shard: Shard, address: Address, actor: TestActor, event: string, data: unknown): void {
    const evolve = (actor.definition.events as Record<string, (s: unknown, d: unknown) => unknown>)[
      event
    ]
    if (evolve === undefined) throw new Error(`${address} has no event ${event}`)
    const before = actor.state
    const after = frozen(evolve(before, frozen(data)))
    const kind = kindOf(address)
    const change = { address, kind, key: keyOf(address), event, data, before, after }
    actor.state = after
    actor.version++
    const row: unknown = actor.definition.history?.(change)
    if (row !== undefined) {
      actor.rows.push({ number: actor.rows.length + 1, time: this.now, row: frozen(row) })
    }
    this.options.actors.tally?.observe(shard.tally, change)
  }

  get settings(): Readonly<Record<string, unknown>> {
    return this.options.settings ?? {}
  }

  /** An actor; one that had no event yet is not kept unless `keep`. */
  actorAt(address: Address, keep = false): TestActor {
    const shard = this.shardAt(this.shardOf(address))
    const known = shard.actors.get(address)
    if (known !== undefined) return known
    const definition = this.definitions.get(kindOf(address))
    if (definition === undefined) throw new Error(`no kind for ${address}`)
    const actor = { definition, state: frozen(definition.state), version: 0, rows: [] }
    if (keep) shard.actors.set(address, actor)
    return actor
  }

  private viewOf(address: Address): QueryView<unknown> {
    return {
      key: keyOf(address),
      address,
      now: this.now,
      shard: this.shardOf(address),
      self: this.actorAt(address).state,
      state: <S>(other: Address) => this.actorAt(other).state as S,
      version: (other) => this.actorAt(other).version,
      history: (other, { limit, before = Infinity }) =>
        this.actorAt(other)
          .rows.filter(({ number }) => number < before)
          .reverse()
          .slice(0, limit),
      historyAt: (other, time) => this.actorAt(other).rows.findLast((row) => row.time <= time),
      park: parked,
      unbound: (answer) => alike<Unbound>({ unbound: answer }),
    }
  }

  private shardAt(number: number): Shard {
    const shard = this.shards[number]
    if (shard === undefined) throw new Error(`there is no shard ${number}`)
    return shard
  }
}

/** What one turn does. */
class TestTurn {
  readonly messages: Message[] = []
  readonly wakes: string[] = []
  events = 0
  private readonly host: TestShards
  private readonly shard: Shard
  private readonly now: number

  constructor(host: TestShards, shard: Shard, now: number) {
    this.host = host
    this.shard = shard
    this.now = now
  }

  run(address: Address, command: string, input: unknown): unknown {
    if (this.host.shardOf(address) !== this.shard.number)
      throw new Error(`${address} lives elsewhere`)
    const { definition } = this.host.actorAt(address)
    const handler = (definition.commands as Record<string, (t: unknown, i: unknown) => unknown>)[
      command
    ]
    if (handler === undefined) throw new Error(`${address} has no command ${command}`)
    return handler(this.contextOf(address), frozen(input))
  }

  private contextOf(address: Address): Turn<unknown> {
    const { host, shard, now, messages, wakes } = this
    return {
      key: keyOf(address),
      address,
      get state() {
        return host.actorAt(address).state
      },
      get version() {
        return host.actorAt(address).version
      },
      now,
      shard: shard.number,
      settings: host.settings,
      random: () => 0.5,
      sequence: () => shard.sequence++,
      emit: (event, data) => {
        this.events++
        host.observe(shard, address, host.actorAt(address, true), event, data)
      },
      refuse: (code, detail, options) => refusal(code, detail, options?.sticky ?? true),
      // The real runtime's types tie command and input together; here they were checked already.
      // Every shard is a lane of its own here.
      canCall: (to) => host.shardOf(to) === shard.number,
      call: (to, command, input) => this.run(to, command, input) as never,
      send: (to, command, input, options) => {
        messages.push({
          address: to,
          command,
          input: frozen(input),
          from: address,
          then: options?.then,
          context: frozen(options?.context),
          stamp: undefined,
        })
      },
      read: <T>(other: Address) => host.actorAt(other).state as T,
      after: (delayMs, command, input) =>
        host.setTimer({ due: now + delayMs, shard: shard.number, address, command, input }),
      cancel: (timer) => host.cancelTimer(timer),
      park: parked,
      remember: (note, token) => alike<Remembered>({ rememberedNote: note, wakeOn: token }),
      wake: (token) => {
        wakes.push(token)
      },
      shardOf: (other) => host.shardOf(other),
    }
  }
}

// The runtime makes these results with classes of its own; here their fields are enough.

type Unbound = ReturnType<QueryView<unknown>['unbound']>

function alike<T>(fields: object): T {
  return fields as T
}

function parked(token: string): Parked {
  return alike<Parked>({ parkedOn: token })
}

function isParked(outcome: unknown): outcome is Parked {
  return hasField(outcome, 'parkedOn')
}

function isRemembered(outcome: unknown): outcome is Remembered {
  return hasField(outcome, 'rememberedNote')
}

function isUnbound(outcome: unknown): outcome is Unbound {
  return hasField(outcome, 'unbound')
}

function hasField(outcome: unknown, field: string): boolean {
  return typeof outcome === 'object' && outcome !== null && field in outcome
}

function refusedError(value: Refusal): Error {
  return Object.assign(new Error(value.detail), { code: value.refused })
}

/** A frozen copy of plain data. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  return freeze(structuredClone(value))
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const field of Object.values(value)) freeze(field)
    Object.freeze(value)
  }
  return value
}
