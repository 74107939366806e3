/**
 * Sees every change the servers keep and every write when it is sent, and throws when a rule of this
 * room is broken. It computes leases from its own notes, never from what a node believes.
 */
import type { KeyBucket, KeyChange } from '../../../transport/index.js'
import { decodeMap, mapKey, type ShardMap } from '../../placement/shard-map.js'
import { decodeMember, nodePrefix } from '../member.js'
import { leaseDefaults } from '../settings.js'
import type { SimulatedCluster, SimulatedNode } from './simulated-cluster.js'
import { bucketName } from './simulated-cluster.js'

interface Sent {
  readonly node: SimulatedNode
  /** On the clock of the node that sent it. */
  readonly at: number
}

export class Witness {
  /** The map as the servers keep it. */
  map: ShardMap | undefined
  /** How often each thing happened: tests ask that the rare ones did. */
  readonly seen = new Map<string, number>()
  private readonly cluster: SimulatedCluster
  /** Renewals by key and content. */
  private readonly sent = new Map<string, Sent>()
  /** The newest renewal of each key that the servers keep. */
  private readonly kept = new Map<string, Sent>()
  private readonly dead = new Set<string>()
  private holder: string | undefined
  private failure: Error | undefined

  constructor(cluster: SimulatedCluster) {
    this.cluster = cluster
    cluster.service.bucket(bucketName).listeners.add((change) => this.changed(change))
  }

  /** A node's bucket, overheard. */
  overhear(bucket: KeyBucket, node: SimulatedNode): KeyBucket {
    return {
      ...bucket,
      put: (key, value, revision) => {
        const at = node.process.env.clock.monotonic()
        if (key === mapKey) this.checkSender(node, decodeMap(value))
        else this.sent.set(this.nameOf(key, value), { node, at })
        return bucket.put(key, value, revision)
      },
    }
  }

  /** Looks at all nodes as they are now. */
  look(): void {
    if (this.failure !== undefined) throw this.failure
    const { shards, started } = this.cluster
    for (let shard = 0; shard < shards; shard++) {
      const owners = [...started].filter((node) => node.owns(shard))
      if (owners.length > 1) {
        this.fail(`shard ${shard} has two owners: ${owners.map(({ name }) => name).join(', ')}`)
      }
    }
    const acting = [...started].filter(
      ({ process, coordinator }) => process.alive && coordinator.term !== undefined,
    )
    if (acting.length > 1) this.fail('two coordinators')
    const slots = [...started]
      .filter(({ process, membership }) => process.alive && membership.valid)
      .map(({ membership }) => membership.slot)
    if (new Set(slots).size < slots.length) this.fail('two members with one slot')
  }

  times(event: string): number {
    return this.seen.get(event) ?? 0
  }

  private note(event: string): void {
    this.seen.set(event, this.times(event) + 1)
  }

  /** A rule was broken: said here, or at the next look when a node's own code would catch it. */
  private fail(sentence: string): never {
    this.failure ??= new Error(
      `${sentence} at ${this.cluster.kernel.now}. ${this.cluster.describe()}`,
    )
    throw this.failure
  }

  private changed({ key, value, revision: _ }: KeyChange): void {
    if (value === undefined) return
    if (key === mapKey) {
      this.checkMap(decodeMap(value))
      return
    }
    const sent = this.sent.get(this.nameOf(key, value))
    if (key.startsWith(nodePrefix)) {
      const member = decodeMember(value)
      if (member?.state === 'dead') {
        this.dead.add(member.id)
        // A member that leaves by itself writes this too, when its lease is over.
        if (sent?.node.membership.id !== member.id) this.checkDeath(key, member.id)
        return
      }
      if (this.dead.has(member?.id ?? '') && this.kept.has(key)) this.fail('a dead id came back')
    }
    if (key === 'coordinator') {
      const { id } = JSON.parse(Buffer.from(value).toString()) as { id: string }
      if (this.holder !== id) this.note('office taken')
      this.holder = id
    }
    if (sent !== undefined) this.kept.set(key, sent)
  }

  /** Whoever is declared dead is, or has no lease any more by the sending of its last kept renewal. */
  private checkDeath(key: string, id: string): void {
    this.note('death')
    const last = this.kept.get(key)
    if (last?.node.process.alive === true && this.leaseHolds(last))
      this.fail(`${id} was buried alive`)
  }

  private leaseHolds({ node, at }: Sent): boolean {
    return node.process.env.clock.monotonic() < at + leaseDefaults.leaseMs
  }

  /** Who writes a map as coordinator has a lease on the office at that moment. */
  private checkSender(node: SimulatedNode, next: ShardMap): void {
    const before = node.store.map
    const own = node.membership.id
    const byOwner =
      before?.term === next.term &&
      before.draining.length === next.draining.length &&
      next.shards.every((place, i) => {
        const was = before.shards[i]!
        const same = JSON.stringify(was) === JSON.stringify(place)
        const handed = was.owner === own && was.next === place.owner && was.ready
        const marked = was.next === own && place.next === own && place.owner === was.owner
        return same || handed || marked
      })
    if (byOwner) return
    const office = this.kept.get('coordinator')
    if (office === undefined || office.node !== node || !this.leaseHolds(office)) {
      this.fail(`${node.name} writes the map out of office`)
    }
  }

  private checkMap(map: ShardMap): void {
    const before = this.map
    this.map = map
    if (before === undefined) return
    if (map.version !== before.version + 1) this.fail('a version is missing')
    if (map.term < before.term) this.fail('an earlier term wrote the map')
    if (map.shards.length !== before.shards.length) this.fail('the number of shards changed')
    for (const [shard, place] of map.shards.entries()) {
      const was = before.shards[shard]!
      if (was.next !== undefined && place.next === undefined && place.owner === was.owner) {
        this.note('move called off')
      }
      if (place.owner === was.owner && place.ownedSince === was.ownedSince) continue
      if (was.owner === undefined) continue
      if (place.owner === undefined) this.fail(`shard ${shard} lost its owner`)
      const handed = was.ready && place.owner === was.next
      if (handed) this.note('handed over')
      else if (this.dead.has(was.owner)) this.note('taken from the dead')
      else this.fail(`shard ${shard} was taken from ${was.owner}, who lives`)
    }
  }

  private nameOf(key: string, value: Uint8Array): string {
    return `${key} ${Buffer.from(value).toString()}`
  }
}
