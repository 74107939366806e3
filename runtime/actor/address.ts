/**
 * Names of actors: `kind/key`, free of any location, and the shard each of them lives in.
 *
 * A1. The shard of an address depends on nothing but the address and the shard count, so every
 *     thread and node computes the same one without asking.
 */

/**
 * Full name of an actor. `P` is the protocol it understands (see {@link Protocol}); it exists in
 * types only and lets `send` and `call` check a command's name and input.
 */
export type Address<P extends Protocol = Protocol> = string & { readonly __protocol?: P }

/** The commands an actor understands, by name, as plain function types. */
// `any`: a protocol is matched structurally; parameter types are checked where it is used.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Protocol = Record<string, (input: any) => unknown>

/** @returns the address of the actor of this kind with this key. */
export function addressOf<P extends Protocol = Protocol>(kind: string, key: string): Address<P> {
  return `${kind}/${key}`
}

/** The part of an address before the first slash. */
export function kindOf(address: Address): string {
  const slash = address.indexOf('/')
  return slash < 0 ? address : address.slice(0, slash)
}

/** The part of an address after the first slash; keys may contain slashes themselves. */
export function keyOf(address: Address): string {
  return address.slice(address.indexOf('/') + 1)
}

/**
 * Shard of a home address: 32-bit FNV-1a with a final avalanche (Fowler, Noll, Vo; finalizer of
 * MurmurHash3), modulo the shard count.
 * @param shards number of shards of the runtime, fixed when its data folder was created
 */
export function shardOfHome(home: string, shards: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < home.length; i++) {
    hash = Math.imul(hash ^ home.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % shards
}
