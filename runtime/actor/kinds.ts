/**
 * The kinds a runtime knows: definitions checked once and laid out for fast look-up.
 */
import { keyOf, shardOfHome, type Address } from './address.js'
import type { ActorDefinition, ActorModule, TallyDefinition } from './define-actor.js'
import type { QueryView, ShardView, Turn } from './turn.js'
import { OpenRefused } from '../errors.js'
import { assertPlainBeside } from '../../transport/index.js'
import { limits } from '../limits.js'
import { PreparedDirect } from './direct-kinds.js'
import { FlatStates } from './flat-states.js'

type CommandHandler = (turn: Turn<unknown>, input: unknown) => unknown
type QueryHandler = (view: QueryView<unknown>, input: unknown) => unknown
type Evolve = (state: unknown, data: unknown) => unknown
type Replays = (view: ShardView, note: number) => unknown
type Upcaster = (old: unknown) => unknown

/** One event of a kind. */
export interface EventHandler {
  readonly name: string
  readonly evolve: Evolve
  /** Names kind, version and event in a frame's dictionary. */
  readonly tag: string
  /** Place of the event among all events of all kinds. */
  readonly place: number
}

/** The code for an event as a journal names it. */
export interface JournaledHandler {
  readonly kind: Kind
  readonly handler: EventHandler
  /** Of the kind, when the event was written. */
  readonly version: number
}

/** One kind, ready to run. */
export class Kind {
  readonly name: string
  readonly version: number
  readonly initial: unknown
  readonly definition: ActorDefinition
  readonly events: ReadonlyMap<string, EventHandler>
  readonly commands: ReadonlyMap<string, CommandHandler>
  readonly queries: ReadonlyMap<string, QueryHandler>
  readonly replays: ReadonlyMap<string, Replays>
  readonly neverShed: ReadonlySet<string>
  readonly passivateWhen: ((state: unknown) => boolean) | undefined
  readonly passivateAfterIdleMs: number | undefined
  /** Of a kind whose states stay in place. */
  readonly flat: FlatStates | undefined
  /** Direct commands, once all kinds are known. */
  readonly direct = new Map<string, PreparedDirect>()

  /**
   * @param firstPlace of its events among those of all kinds
   * @throws OpenRefused invalid_options
   */
  constructor(definition: ActorDefinition, firstPlace: number) {
    this.name = definition.kind
    this.version = versionOf(definition)
    checkNames(definition)
    this.initial = initialOf(definition)
    this.definition = definition
    const tag = `${this.name}@${this.version}.`
    let place = firstPlace
    this.events = mapOf<Evolve, EventHandler>(definition.events, (evolve, name) => ({
      name,
      evolve,
      tag: tag + name,
      place: place++,
    }))
    this.commands = mapOf<CommandHandler, CommandHandler>(
      definition.commands as object,
      (run) => run,
    )
    this.queries = mapOf<QueryHandler, QueryHandler>(
      (definition.queries ?? {}) as object,
      (run) => run,
    )
    this.replays = mapOf<Replays, Replays>(definition.replays ?? {}, (run) => run)
    this.neverShed = new Set(definition.neverShed ?? [])
    this.passivateWhen = definition.passivate?.when
    this.passivateAfterIdleMs = definition.passivate?.afterIdleMs
    this.flat = definition.flat === true ? new FlatStates() : undefined
    this.checkUpcasters()
  }

  /** What can be known before anything is read. @throws OpenRefused invalid_options */
  private checkUpcasters(): void {
    const { state = {}, events = {} } = this.definition.upcast ?? {}
    checkVersions(`states of the kind "${this.name}"`, state, this.version)
    for (const [event, upcasters] of Object.entries(events)) {
      const what = `the event "${this.name}.${event}"`
      if (!this.events.has(event)) {
        throw new OpenRefused(
          'invalid_options',
          `There are upcasters of ${what}, which is not defined.`,
        )
      }
      checkVersions(what, upcasters, this.version)
    }
  }

  /**
   * Brings a state of an older version up to this one.
   * @throws OpenRefused invalid_options for an upcaster that is missing, or gives nothing
   */
  upcastState(state: unknown, version: number): unknown {
    if (version === this.version) return state
    return upcast(
      `a state of the kind "${this.name}"`,
      this.stateUpcasters(version),
      state,
      version,
    )
  }

  /** Brings the data of an older event up to this version. @throws OpenRefused as {@link upcastState} */
  upcastEvent(event: string, data: unknown, version: number): unknown {
    const upcasters = this.eventUpcasters(event, version)
    return upcast(`the event "${this.name}.${event}"`, upcasters, data, version)
  }

  /** Those from a version on, in order. @throws OpenRefused invalid_options when one is missing */
  stateUpcasters(version: number): readonly Upcaster[] {
    const what = `states of the kind "${this.name}"`
    return upcastersOf(what, this.definition.upcast?.state, version, this.version)
  }

  /** The same for the data of an event. */
  eventUpcasters(event: string, version: number): readonly Upcaster[] {
    const what = `the event "${this.name}.${event}"`
    return upcastersOf(what, this.definition.upcast?.events?.[event], version, this.version)
  }
}

/** All kinds of a runtime. */
export class Kinds {
  readonly tally: TallyDefinition | undefined
  /** Whether any kind leaves memory after some idle time. */
  readonly somePassivateIdle: boolean
  /** By the tag of their frames: what a replay has found. There are as many as events and versions of them. */
  readonly journaled = new Map<string, JournaledHandler>()
  private readonly byName = new Map<string, Kind>()
  private readonly all: Kind[] = []
  /** What {@link shardOf} was asked lately, and its answers. */
  private readonly lateAddresses: Address[] = ['', '', '', '']
  private readonly lateShards: number[] = [0, 0, 0, 0]
  private latePlace = 0
  private lateCount = 0

  /** @throws OpenRefused invalid_options */
  constructor(module: ActorModule) {
    this.tally = module.tally
    let places = 0
    for (const definition of module.definitions) {
      if (!/^[a-z][a-z0-9-]*$/.test(definition.kind)) {
        throw new OpenRefused(
          'invalid_options',
          `The kind "${definition.kind}" needs a name of lower-case letters, digits and dashes.`,
        )
      }
      if (this.byName.has(definition.kind)) {
        throw new OpenRefused('invalid_options', `The kind "${definition.kind}" is defined twice.`)
      }
      const kind = new Kind(definition, places)
      places += kind.events.size
      this.byName.set(kind.name, kind)
    }
    this.all.push(...this.byName.values())
    for (const kind of this.all) {
      for (const [command, direct] of Object.entries(kind.definition.direct ?? {})) {
        kind.direct.set(command, new PreparedDirect(this, kind, command, direct))
      }
    }
    this.somePassivateIdle = this.all.some((kind) => kind.passivateAfterIdleMs !== undefined)
  }

  [Symbol.iterator](): Iterator<Kind> {
    return this.all[Symbol.iterator]()
  }

  get(name: string): Kind | undefined {
    return this.byName.get(name)
  }

  of(address: Address): Kind | undefined {
    // A few kinds, compared in place: no part of the address is cut out to be looked up.
    for (const kind of this.all) if (startsWithName(address, kind.name)) return kind
    return undefined
  }

  /** The kind of an address that stands in memory, from `from` to `to`. */
  ofBytes(bytes: Uint8Array, from: number, to: number): Kind | undefined {
    for (const kind of this.all) if (startsWithBytes(bytes, from, to, kind.name)) return kind
    return undefined
  }

  /** The shard an address lives in: its own hash, or its home's. */
  shardOf(address: Address, shards: number): number {
    if (shards !== this.lateCount) this.forgetLate(shards)
    const { lateAddresses } = this
    // A turn asks several times about the same few actors.
    for (let i = 0; i < lateAddresses.length; i++) {
      if (lateAddresses[i] === address) return this.lateShards[i]!
    }
    const shard = this.findShard(address, shards)
    const place = this.latePlace
    this.latePlace = (place + 1) & (lateAddresses.length - 1)
    lateAddresses[place] = address
    this.lateShards[place] = shard
    return shard
  }

  private forgetLate(shards: number): void {
    this.lateCount = shards
    // No address is empty but the one that names nothing, and that lives where its hash says.
    this.lateAddresses.fill('')
    this.lateShards.fill(this.findShard('', shards))
  }

  private findShard(address: Address, shards: number): number {
    let home = address
    // Homes of homes are followed; a loop ends at the bound and is as good a home as any.
    for (let i = 0; i < 4; i++) {
      const homeOf = this.of(home)?.definition.home
      const next = homeOf?.(keyOf(home))
      if (next === undefined) break
      if (typeof next === 'number') {
        return Number.isSafeInteger(next) && next >= 0 ? next % shards : 0
      }
      home = next
    }
    return shardOfHome(home, shards)
  }
}

/** True when the part of an address before its first slash is this name, which has no slash. */
function startsWithName(address: Address, name: string): boolean {
  const { length } = name
  if (address.length !== length && address.charCodeAt(length) !== slashCode) return false
  for (let i = 0; i < length; i++) {
    if (address.charCodeAt(i) !== name.charCodeAt(i)) return false
  }
  return true
}

/** The same of an address in memory: names of kinds are ASCII. */
function startsWithBytes(bytes: Uint8Array, from: number, to: number, name: string): boolean {
  const { length } = name
  if (to - from !== length && (to - from < length || bytes[from + length] !== slashCode))
    return false
  for (let i = 0; i < length; i++) if (bytes[from + i] !== name.charCodeAt(i)) return false
  return true
}

const slashCode = 0x2f

function mapOf<F, T>(handlers: object, make: (handler: F, name: string) => T): Map<string, T> {
  return new Map(
    Object.entries(handlers).map(([name, handler]) => [name, make(handler as F, name)]),
  )
}

/** The version of a kind. @throws OpenRefused invalid_options for one that no journal could keep */
function versionOf({ kind, version = 1 }: ActorDefinition): number {
  if (Number.isInteger(version) && version >= 1 && version <= limits.kindVersionMax) return version
  throw new OpenRefused(
    'invalid_options',
    `The version of the kind "${kind}" is to be a whole number from 1 to ${limits.kindVersionMax}; it is ${String(version)}.`,
  )
}

/**
 * A name that is written and read back as it is: an event stands by its name in the journal, and a command
 * without a name is a comparison of shards. No more is asked of names than that.
 */
const soundName = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u

/** @throws OpenRefused invalid_options */
function checkNames({ kind, events, commands, queries }: ActorDefinition): void {
  const named = { event: events, command: commands as object, query: (queries ?? {}) as object }
  for (const [what, handlers] of Object.entries(named)) {
    for (const name of Object.keys(handlers)) {
      if (soundName.test(name)) continue
      throw new OpenRefused(
        'invalid_options',
        `The ${what} ${JSON.stringify(name.slice(0, 80))} of the kind "${kind}" needs another name: 1 to 255 characters, none of them a line break or another control character.`,
      )
    }
  }
}

/** @throws OpenRefused invalid_options for an upcaster that is none, or that nothing would ever be given to */
function checkVersions(what: string, upcasters: object, newest: number): void {
  for (const [version, upcaster] of Object.entries(upcasters)) {
    const from = Number(version)
    if (typeof upcaster === 'function' && Number.isInteger(from) && from >= 1 && from < newest)
      continue
    throw new OpenRefused(
      'invalid_options',
      `The upcaster of ${what} from version ${version} is no function, or is not from an older version than ${newest}.`,
    )
  }
}

/** @throws OpenRefused invalid_options when one is missing */
function upcastersOf(
  what: string,
  upcasters: Readonly<Record<number, Upcaster>> | undefined,
  oldest: number,
  newest: number,
): readonly Upcaster[] {
  const found: Upcaster[] = []
  for (let version = oldest; version < newest; version++) {
    const upcaster = upcasters?.[version]
    if (upcaster === undefined) {
      throw new OpenRefused(
        'invalid_options',
        `There are ${what} of version ${version}, and no upcaster to version ${version + 1}. Define one; what did not change is handed on: (old) => old.`,
      )
    }
    found.push(upcaster)
  }
  return found
}

/** @throws OpenRefused invalid_options when one gives nothing */
function upcast(
  what: string,
  upcasters: readonly Upcaster[],
  old: unknown,
  oldest: number,
): unknown {
  let value = old
  for (const [i, upcaster] of upcasters.entries()) {
    const given = value
    value = upcaster(given)
    if (value !== undefined || given === undefined) continue
    throw new OpenRefused(
      'invalid_options',
      `The upcaster of ${what} from version ${oldest + i} returned nothing.`,
    )
  }
  return value
}

/** The state all actors of a kind begin with. @throws OpenRefused invalid_options when it is no plain data */
function initialOf({ kind, state }: ActorDefinition): unknown {
  try {
    assertPlainBeside(state, undefined)
  } catch (error) {
    const why = (error as Error).message
    throw new OpenRefused(
      'invalid_options',
      `The state of the kind "${kind}" is to be plain data: ${why}.`,
    )
  }
  return deepFreeze(state as unknown)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    Object.freeze(value)
    for (const field of Object.values(value)) deepFreeze(field)
  }
  return value
}
