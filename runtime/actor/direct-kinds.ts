/**
 * Direct commands with all they name found: handlers, kinds, and the shapes of what their plans hold.
 */
import { KnownShape } from '../../transport/index.js'
import { OpenRefused } from '../errors.js'
import type { DirectCommand, DirectPlan } from './direct.js'
import type { EventHandler, Kind, Kinds } from './kinds.js'

/** Shapes of a plan: objects of one place look the same each time. */
export interface PlanShapes {
  readonly main: readonly KnownShape[]
  readonly input: KnownShape
  readonly called: readonly KnownShape[]
}

export class PreparedDirect {
  readonly definition: DirectCommand
  readonly own: EventHandler
  readonly born: Kind
  readonly bornEvent: EventHandler
  /** Events of the kinds that can be called. */
  readonly called: ReadonlyMap<Kind, EventHandler>
  private shapes: PlanShapes | undefined

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

  shapesOf(plan: DirectPlan): PlanShapes {
    return (this.shapes ??= {
      main: [new KnownShape(plan.data), new KnownShape(plan.bornData)],
      input: new KnownShape(plan.input),
      called: [new KnownShape(plan.calledData)],
    })
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
