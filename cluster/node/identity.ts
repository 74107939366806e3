/**
 * What a cluster is: its number of shards and the secret of its key hashes, written once into the
 * bucket by whoever comes first, and the same for all ever after.
 *
 * C3. A bucket that was lost is not made up for: with another secret no key of before would be known,
 *     and a payment that is asked for again would be done again. Who finds a stream of any shard and
 *     no identity, though it has looked for a while, refuses to join. The identity stands before the first
 *     stream is made: a founder that dies on the way leaves nothing that looks so.
 * C5. One that went back to what it once was, as by a restore, is known to those who wrote into it since (M5): they
 *     end. Who begins takes it as it is: the journals decide what happened, and fence whoever the map names.
 */
import { OpenRefused, type ActorModule, type Env } from '../../runtime/index.js'
import { NatsRefused, NatsUnreachable, type KeyBucket, type Nats } from '../../transport/index.js'
import { pause } from '../membership/within.js'
import { checkShardCount, clusterShardsMax } from '../placement/shard-map.js'
import { checkSettings, turnSettings, type TurnSettings } from './turn-settings.js'

export interface ClusterIdentity {
  readonly format: 1
  readonly shards: number
  /** Key of the hashes of idempotency keys, hex. */
  readonly secret: string
  /** Set where each journal was noted before its first turn, by all nodes there ever were (SN6). */
  readonly journalsNoted?: true
}

/** All that is the same for every node of a cluster. */
export interface ClusterFacts extends ClusterIdentity {
  readonly settings: TurnSettings
}

const key = 'identity'
const secretBytes = 16
const shardsDefault = 16

/**
 * How often the identity is looked for where journals are: what a founder wrote may be read late, and
 * servers that have just begun may not know all of their streams.
 */
const looksMax = 50
const lookMs = 200

/** Where the cluster is kept. */
export interface ClusterPlace {
  readonly nats: Nats
  readonly cluster: string
}

/**
 * Opens the bucket of a cluster, and makes it for a new one.
 * @param replicas copies to keep
 * @throws OpenRefused identity_lost (C3); NatsUnreachable, NatsRefused
 */
export async function clusterBucket(
  env: Env,
  place: ClusterPlace,
  replicas: number,
): Promise<KeyBucket> {
  const name = bucketOf(place)
  let left: string | undefined
  for (let looks = 0; looks < looksMax; looks++) {
    try {
      return await place.nats.bucket(name, { replicas: 0 })
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    // One who founds it makes the bucket before any journal.
    left = await streamLeft(place)
    if (left === undefined) return place.nats.bucket(name, { replicas })
    await pause(env, lookMs)
  }
  throw identityLost(place, left!)
}

/**
 * Reads what a cluster is, or writes it.
 * @param given what this node was started with
 * @throws what {@link clusterIdentity} and {@link turnSettings} throw; RangeError when no cluster can be so;
 *   OpenRefused invalid_options when actors can't work with the settings
 */
export async function clusterFacts(
  env: Env,
  place: ClusterPlace,
  bucket: KeyBucket,
  given: {
    readonly shards?: number
    readonly settings?: TurnSettings
    readonly actors: Pick<ActorModule, 'checkSettings'>
  },
): Promise<ClusterFacts> {
  // What is written stands for the life of the cluster.
  if (given.shards !== undefined) checkShardCount(given.shards)
  checkSettings(given.actors, given.settings ?? {})
  const identity = await clusterIdentity(env, place, bucket, given.shards)
  const settings = await turnSettings(bucket, given.settings)
  checkSettings(given.actors, settings, 'The cluster has settings that this program does not know.')
  return { ...identity, settings }
}

/**
 * Reads the identity, or writes it.
 * @param shards checked when given
 * @throws OpenRefused shards_differ, newer_format, identity_lost; NatsUnreachable
 */
async function clusterIdentity(
  env: Env,
  place: ClusterPlace,
  bucket: KeyBucket,
  shards: number | undefined,
): Promise<ClusterIdentity> {
  for (let looks = 0; looks < looksMax; looks++) {
    const entry = await bucket.get(key)
    if (entry !== undefined) return checked(entry.value, shards)
    if ((await streamLeft(place)) !== undefined) {
      await pause(env, lookMs)
      continue
    }
    const identity: ClusterIdentity = {
      format: 1,
      shards: shards ?? shardsDefault,
      secret: Buffer.from(env.chance.bytes(secretBytes)).toString('hex'),
      journalsNoted: true,
    }
    // Won or lost, what counts is what stands there.
    await bucket.put(key, Buffer.from(JSON.stringify(identity)), 0)
  }
  const left = await streamLeft(place)
  if (left !== undefined) throw identityLost(place, left)
  throw new NatsUnreachable('The cluster could not be set up: its bucket takes no key. Try again.')
}

/**
 * A stream of a cluster of this name, whichever of them are left. An empty one counts too: it was made after the
 * identity, and may be all that is left.
 */
async function streamLeft({ nats, cluster }: ClusterPlace): Promise<string | undefined> {
  const [journal] = await nats.streamNames(`SHARD_${cluster}_`)
  return journal ?? (await nats.streamNames(`SNAP_${cluster}_`))[0]
}

function isMissing(error: unknown): boolean {
  return error instanceof NatsRefused && error.code === 'nats_missing'
}

function bucketOf({ cluster }: ClusterPlace): string {
  return `suanpan_${cluster}`
}

function identityLost(place: ClusterPlace, stream: string): OpenRefused {
  return new OpenRefused(
    'identity_lost',
    `The stream ${stream} of the cluster "${place.cluster}" is there, but its bucket KV_${bucketOf(place)} is lost, and with it what tells payments that are asked for again; restore it from its backup. For a new cluster remove all streams of the old one, or choose another name.`,
  )
}

/** C5 */
export function bucketRegressed(cluster: string): OpenRefused {
  return new OpenRefused(
    'bucket_regressed',
    `The bucket KV_suanpan_${cluster} went back: NATS holds an older state of it than this node wrote, as after a restore from a backup. No payment is lost by it, for journals are apart from it. Start all nodes anew, and make changes since then again: settings, drains, pins, an upgrade that was finalised.`,
  )
}

function checked(value: Uint8Array, shards: number | undefined): ClusterIdentity {
  const identity = JSON.parse(Buffer.from(value).toString()) as ClusterIdentity
  if ((identity.format as number) > 1) {
    throw new OpenRefused(
      'newer_format',
      `The cluster has format ${identity.format}; this program knows 1. Install the newer program.`,
    )
  }
  if (identity.shards > clusterShardsMax) {
    throw new OpenRefused(
      'shards_differ',
      `The cluster was made for ${identity.shards} shards, and no cluster has more than ${clusterShardsMax}: it has never served anything. Give it another name.`,
    )
  }
  if (shards === undefined || shards === identity.shards) return identity
  throw new OpenRefused(
    'shards_differ',
    `The cluster has ${identity.shards} shards, fixed when it was made; ${shards} were asked for.`,
  )
}
