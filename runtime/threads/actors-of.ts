/** The actors that a module exports, for the threads that run them. */
import type { ActorModule } from '../actor/define-actor.js'
import { OpenRefused } from '../errors.js'

/**
 * Loads the module of `ActorModule.module`.
 * @throws OpenRefused invalid_options when it is not found, or exports no actors
 * @throws what the module itself throws
 */
export async function actorsOf(module: string): Promise<ActorModule> {
  const { actors } = await load(module)
  if (Array.isArray(actors?.definitions)) return actors as ActorModule
  throw new OpenRefused(
    'invalid_options',
    `The module of the actors, ${module}, is to export them: export const actors: ActorModule = { module: import.meta.url, definitions: [...] }.`,
  )
}

async function load(module: string): Promise<{ actors?: Partial<ActorModule> | null }> {
  try {
    return (await import(module)) as { actors?: Partial<ActorModule> | null }
  } catch (error) {
    // Node's own codes: what the module throws is told as it is.
    const { code } = (error ?? {}) as { code?: unknown }
    if (typeof code !== 'string' || !code.startsWith('ERR_')) throw error
    throw new OpenRefused(
      'invalid_options',
      `The module of the actors can't be loaded by the URL "${module}", as import.meta.url is one: ${(error as Error).message}`,
    )
  }
}
