/** The typed client of one actor: a method per command and query of its definition. */
import { addressOf } from './address.js'
import type { ActorClient, CommandOptions, RuntimeClient } from './client.js'
import type { ActorDefinition } from './define-actor.js'

export function actorClient<D extends ActorDefinition>(
  runtime: Pick<RuntimeClient, 'command' | 'query'>,
  definition: D,
  key: string,
): ActorClient<D> {
  const address = addressOf(definition.kind, key)
  const client: Record<string, (input: unknown, options?: CommandOptions) => Promise<unknown>> = {}
  for (const name of Object.keys((definition.queries ?? {}) as object)) {
    client[name] = (input, options) => runtime.query(address, name, input, options)
  }
  for (const name of Object.keys(definition.commands as object)) {
    client[name] = async (input, options) =>
      (await runtime.command(address, name, input, options)).value
  }
  // The methods are made from the very definition the type is inferred from.
  return client as ActorClient<D>
}
