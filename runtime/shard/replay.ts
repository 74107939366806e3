/**
 * Replay: applies the frames of a journal to a shard's state. It never decides again; it goes
 * through the same {@link ShardState.commit} as the live shard.
 *
 * RP1. An actor that came out of the store is a guest: it goes back behind its turn. Of a tail's many actors
 *     most are met once or twice, and bytes that are there take less time than objects for the collector.
 */
import type { JournaledHandler, Kinds } from '../actor/kinds.js'
import { OpenRefused } from '../errors.js'
import type { Frame } from '../journal/journal.js'
import { readTurns, type CommittedTurn, type JournaledEvent } from './committed-turn.js'
import { FormatUnread } from './formats.js'
import { AppliedChange, type Activation, type ShardState } from './shard-state.js'

/**
 * Applies the next frame. Frames the state already holds (from a snapshot) are passed over.
 * @throws OpenRefused `damaged` for a gap, `newer_version`, `newer_format` and
 *   `older_format` for what this code does not know
 */
export function replayFrame(state: ShardState, frame: Frame): void {
  const last = frame.firstOrdinal + frame.count - 1
  if (last <= state.ordinal) return
  if (frame.firstOrdinal !== state.ordinal + 1) {
    throw new OpenRefused(
      'damaged',
      `Shard ${frame.shard} has no journal between ordinals ${state.ordinal + 1} and ${frame.firstOrdinal - 1}.`,
    )
  }
  try {
    const { sequence } = readTurns(frame.body, frame.shard, state.formats.reads, (turn) => {
      replayTurn(state, turn, frame.time)
    })
    state.sequence = sequence
  } catch (error) {
    if (!(error instanceof FormatUnread)) throw error
    throw new OpenRefused(error.code, `${error.message} (ordinal ${frame.firstOrdinal})`)
  }
}

function replayTurn(state: ShardState, turn: CommittedTurn, time: number): void {
  const guests: Activation[] = []
  const changes = turn.events.map((event) => evolve(state, event, guests))
  state.commit(turn, changes, time, 0)
  state.passivateFinished(changes)
  for (const guest of guests) if (guest.attached) state.passivate(guest)
}

function evolve(state: ShardState, event: JournaledEvent, guests: Activation[]): AppliedChange {
  const { kind, handler, version } = handlerOf(state.kinds, event)
  const activation = state.loadAttached(event.address, kind, guests)
  const change = new AppliedChange()
  try {
    const data =
      version === kind.version ? event.data : kind.upcastEvent(handler.name, event.data, version)
    change.set(activation, handler, data, handler.evolve(activation.state, data))
    if (change.after === undefined) throw new Error('it returned no state')
    change.row = kind.definition.history?.(change)
    activation.finished = kind.passivateWhen?.(change.after) === true
  } catch (error) {
    throw error instanceof OpenRefused ? error : notReplayed(event, error)
  }
  activation.state = change.after
  return change
}

/** Code of a definition failed on what it, or the one before it, has written. */
function notReplayed({ tag, address }: JournaledEvent, error: unknown): OpenRefused {
  const why = error instanceof Error ? error.message : String(error)
  const refused = new OpenRefused(
    'invalid_options',
    `The event "${tag}" of ${address} can't be replayed: ${why}. What the journal holds has to work with the events, upcasters, history and passivate.when of today; correct the definition.`,
  )
  refused.cause = error
  return refused
}

/** Finds the code for a journaled event. */
function handlerOf(kinds: Kinds, event: JournaledEvent): JournaledHandler {
  return kinds.journaled.get(event.tag) ?? findHandler(kinds, event)
}

/** Finds it the first time. */
function findHandler(kinds: Kinds, event: JournaledEvent): JournaledHandler {
  const [, name = '', written = '', eventName = ''] = /^([^@]*)@(\d+)\.(.*)$/.exec(event.tag) ?? []
  const version = Number(written)
  const kind = kinds.get(name)
  if (kind === undefined) {
    throw new OpenRefused(
      'newer_version',
      `The journal has events of the kind "${name}", which this program does not define.`,
    )
  }
  if (version > kind.version) {
    throw new OpenRefused(
      'newer_version',
      `The journal has the event "${name}.${eventName}" of version ${version}; this program knows the kind "${name}" up to version ${kind.version}. Install the newer program.`,
    )
  }
  const handler = kind.events.get(eventName)
  if (handler === undefined) {
    throw new OpenRefused(
      'newer_version',
      `The journal has the event "${name}.${eventName}", which this program does not define.`,
    )
  }
  // That one is missing is said before anything is read with it.
  kind.eventUpcasters(eventName, version)
  const found = { kind, handler, version }
  kinds.journaled.set(event.tag, found)
  return found
}
