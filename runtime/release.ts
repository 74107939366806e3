/** The release of an actor from quarantine: what one node and a whole cluster take it for, and answer. */
import type { Address } from './actor/address.js'
import type { QuarantinedActor } from './actor/client.js'
import { Fault } from './errors.js'
import { problemWithAddress } from './request-client.js'

/** What the owner of the actor's shard, and all shards, are asked. */
export interface ReleaseLinks {
  /** @returns true when the actor was quarantined, and is not any more */
  readonly release: () => Promise<unknown>
  readonly quarantined: () => Promise<readonly QuarantinedActor[]>
}

/**
 * Releases an actor.
 * @throws Fault invalid_request when it is no address, or not quarantined; quarantined when it stays so
 */
export async function releaseBy(links: ReleaseLinks, address: Address): Promise<void> {
  const problem = problemWithAddress(address)
  if (problem !== undefined) throw problem
  if ((await links.release()) === true) return
  const stays = (await links.quarantined()).some((actor) => actor.address === address)
  throw stays
    ? new Fault('quarantined', `${address} failed again on a message it must take; it stays so.`)
    : new Fault('invalid_request', `${address} is not quarantined.`)
}
