/**
 * What a cluster is: its number of shards and the secret of its key hashes, written once into the
 * bucket by whoever comes first, and the same for all ever after.
 */
import { OpenRefused, type Env } from '../../runtime/index.js'
import { NatsUnreachable, type KeyBucket } from '../../transport/index.js'

export interface ClusterIdentity {
  readonly format: 1
  readonly shards: number
  /** Key of the hashes of idempotency keys, hex. */
  readonly secret: string
}

const key = 'identity'
const secretBytes = 16
const shardsDefault = 16

/**
 * Reads the identity, or writes it.
 * @param shards checked when given
 * @throws OpenRefused shards_differ, newer_format; NatsUnreachable
 */
export async function clusterIdentity(
  env: Env,
  bucket: KeyBucket,
  shards: number | undefined,
): Promise<ClusterIdentity> {
  for (let tries = 0; tries < 10; tries++) {
    const entry = await bucket.get(key)
    if (entry !== undefined) return checked(entry.value, shards)
    const identity: ClusterIdentity = {
      format: 1,
      shards: shards ?? shardsDefault,
      secret: Buffer.from(env.chance.bytes(secretBytes)).toString('hex'),
    }
    // Won or lost, what counts is what stands there.
    await bucket.put(key, Buffer.from(JSON.stringify(identity)), 0)
  }
  throw new NatsUnreachable('The cluster could not be set up: its bucket takes no key. Try again.')
}

function checked(value: Uint8Array, shards: number | undefined): ClusterIdentity {
  const identity = JSON.parse(Buffer.from(value).toString()) as ClusterIdentity
  if ((identity.format as number) > 1) {
    throw new OpenRefused(
      'newer_format',
      `The cluster has format ${identity.format}; this program knows 1. Install the newer program.`,
    )
  }
  if (shards === undefined || shards === identity.shards) return identity
  throw new OpenRefused(
    'shards_differ',
    `The cluster has ${identity.shards} shards, fixed when it was made; ${shards} were asked for.`,
  )
}
