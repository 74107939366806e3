/**
 * Direct commands with all they name found: handlers and kinds.
 */
import { OpenRefused } from '../errors.js'
import type { DirectCommand } from './direct.js'
import type { EventHandler, Kind, Kinds } from './kinds.js'

export class PreparedDirect {
  readonly definition: DirectCommand
  readonly own: EventHandler
  readonly born: Kind
  readonly bornEvent: EventHandler
  /** Events of the kinds that can be called. */
  readonly called: ReadonlyMap<Kind, EventHandler>

  /** @throws OpenRefused invalid_options for what is not there, or is not as a direct command needs it */
  constructor(kinds: Kinds, kind: Kind, command: string, definition: DirectCommand) {
    const [bornKind, bornEvent] = definition.born
    const own = kind.events.get(definition.own)
    const born = kinds.get(bornKind)
    const event = born?.events.get(bornEvent)
    const sound =
      kind.flat !== undefined &&
      kind.commands.has(command) &&
      kind.replays.has(command) &&
      born?.passivateWhen !== undefined &&
      born.definition.history === undefined
    if (!sound || own === undefined || event === undefined) {
      throw new OpenRefused(
        'invalid_options',
        `The kind "${kind.name}" can't do "${command}" directly: it is to be flat and to have the command, its replays and the event "${definition.own}", and "${bornKind}" is to have the event "${bornEvent}" and passivate.when, and no history.`,
      )
    }
    this.definition = definition
    this.own = own
    this.born = born
    this.bornEvent = event
    this.called = calledBy(kinds, definition)
  }
}

function calledBy(kinds: Kinds, { call, called }: DirectCommand): Map<Kind, EventHandler> {
  const found = new Map<Kind, EventHandler>()
  for (const kind of kinds) {
    const event = kind.events.get(called)
    if (kind.flat !== undefined && kind.commands.has(call) && event !== undefined)
      found.set(kind, event)
  }
  return found
}
