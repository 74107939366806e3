/**
 * A node of a cluster: a member, coordinator when its turn comes, owner of the shards the map gives
 * it, and a client to all of them. It wires the parts; every decision is made in them.
 *
 * C2. Who loses the membership drops all shards first, and only then joins under a new id.
 */
import {
  Fault,
  JetStreamStorages,
  ShardNode,
  type Env,
  type QuarantinedActor,
  type ShardNodeLinks,
  type ShardStatus,
} from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { Configuration } from '../configuration/configuration.js'
import { rebalanceSettings } from '../configuration/rebalance-settings.js'
import { Coordinator } from '../membership/coordinator.js'
import { Membership } from '../membership/membership.js'
import { MapStore } from '../placement/map-store.js'
import type { ShardMap } from '../placement/shard-map.js'
import { ShardAssignments } from '../placement/shard-assignments.js'
import { ClockWatch } from './clock-watch.js'
import { ClusterClient, type Members } from './cluster-client.js'
import { Departure } from './departure.js'
import { checkFormatOf, checkFormatOfCluster } from './formats.js'
import { HotActors } from './hot-actors.js'
import { bucketRegressed, clusterBucket, clusterFacts, type ClusterFacts } from './identity.js'
import { answerCall } from './member-calls.js'
import { NodeLink, type Channel, type LinkListener } from './node-link.js'
import { boundsAfter, formatsOf, nodeOptionsOf, storageOptionsOf } from './options.js'
import type { ClusterNodeOptions } from './options.js'
import { patiently, untilPermitted } from './patiently.js'
import { PatientClient } from './patient-client.js'
import { Places } from './places.js'
import { Reach } from './reach.js'
import { ShardKeeper } from './shard-keeper.js'
import { shardReports, type Told } from './shard-reports.js'
import { shardVitals, vitalsWaitMs, type NodeVitals } from './vitals.js'

export type { ClusterNodeOptions }

/** How often a node tells the others what it carries, ms. */
const tellMs = 1_000
const hotShown = 10
/** Looks of {@link ClusterNode} at itself after which half of the hot actors' counts are forgotten. */
const decayEvery = 10

export class ClusterNode {
  readonly client: ClusterClient
  readonly membership: Membership
  readonly assignments: ShardAssignments
  readonly coordinator: Coordinator
  readonly identity: ClusterFacts
  /** Settings of the whole cluster, followed while it runs. */
  readonly configuration: Configuration
  private readonly env: Env
  private readonly options: ClusterNodeOptions
  private readonly node: ShardNode
  private readonly reach: Reach
  private readonly store: MapStore
  private readonly keeper: ShardKeeper
  private readonly departure: Departure
  private readonly clockWatch: ClockWatch
  private places = new Places('')
  private link: NodeLink | undefined
  /** Owner of each shard, as far as is known here. */
  owners: readonly (string | undefined)[] = []
  private timer: { cancel(): void } | undefined
  private told: Told = { at: 0, ordinals: new Map() }
  private timesTold = 0
  private readonly hot = new HotActors()
  private stopped = false

  /** Joins a cluster, or founds it. @throws OpenRefused, NatsUnreachable, NatsRefused */
  static async join(env: Env, options: ClusterNodeOptions): Promise<ClusterNode> {
    const { control, cluster, replicas } = options
    const place = { nats: control, cluster }
    const bucket = await patiently(env, options.report, () => clusterBucket(env, place, replicas))
    options.opened?.({ name: `KV_suanpan_${cluster}`, replicas: bucket.replicas })
    const identity = await patiently(env, options.report, () =>
      clusterFacts(env, place, bucket, options),
    )
    await patiently(env, options.report, () => checkFormatOfCluster(bucket, formatsOf(options)))
    const node = new ClusterNode(env, options, bucket, identity)
    try {
      await node.start()
    } catch (error) {
      node.stop()
      throw error
    }
    return node
  }

  private constructor(
    env: Env,
    options: ClusterNodeOptions,
    bucket: KeyBucket,
    identity: ClusterFacts,
  ) {
    this.env = env
    this.options = options
    this.identity = identity
    const { cluster, name, lease, lifeBegins, report } = options
    const facts = { address: '', reads: formatsOf(options), capacity: 1, shards: new Map() }
    this.reach = new Reach(env.clock, options, {
      isLinked: () => this.link !== undefined,
      hasLease: () => this.membership.valid,
    })
    const hindrance = (): string | undefined => this.reach.hindrance()
    const onPast = (): void => options.fail(bucketRegressed(cluster))
    const member = { name, facts, lease, lifeBegins, hindrance, onPast }
    this.membership = new Membership({ env, bucket, report, ...member })
    const { attemptMs } = this.membership.settings
    this.store = new MapStore({ env, bucket, attemptMs, report })
    this.configuration = new Configuration({ env, bucket, report })
    this.node = new ShardNode(env, nodeOptionsOf(options, identity), this.nodeLinks(bucket))
    this.keeper = new ShardKeeper(env, this.node, {
      ready: (shard) => this.assignments.ready(shard),
      handOver: (shard) => this.assignments.handOver(shard),
      knownOrdinal: (shard) => this.membership.view.ordinalOf(shard),
      report,
    })
    this.assignments = new ShardAssignments(this.membership, this.store, this.keeper)
    this.clockWatch = new ClockWatch(this.node.clock, this.membership, options.fail)
    this.departure = new Departure(env, this.membership, this.assignments, this.node)
    this.coordinator = new Coordinator({
      env,
      bucket,
      bus: options.control.bus,
      cluster,
      membership: this.membership,
      store: this.store,
      shards: identity.shards,
      rebalance: () => rebalanceSettings(this.configuration),
      settings: this.configuration,
      report,
    })
    const { requestTimeoutMs = ShardNode.defaults.requestTimeoutMs } = options
    const { reach, node } = this
    const patient = new PatientClient(env, node, requestTimeoutMs, reach, options.answered)
    this.client = new ClusterClient(env, identity.shards, patient, this.members())
  }

  /** True when this node is a member and serves everything it was given. */
  get ready(): boolean {
    const member = this.membership.valid && this.assignments.version > 0
    return member && this.keeper.settled && this.clockBelieved
  }

  /** False while the wall clock has leapt, and it is not known yet whether it is right (M4). */
  get clockBelieved(): boolean {
    return !this.node.clock.jumped
  }

  /** True when every shard of the cluster has an owner, as far as is known here. */
  get complete(): boolean {
    return this.owners.length > 0 && !this.owners.includes(undefined)
  }

  /** Shards served here. */
  get shards(): readonly number[] {
    return this.node.shards
  }

  /** True while this node has a shard open. */
  serves(shard: number): boolean {
    return this.node.serves(shard)
  }

  /** Status of the shards served here, once it is durable. @param asked `waitMs`: what takes longer is left out */
  localStatus(asked?: { tallies?: boolean; waitMs?: number }): Promise<ShardStatus[]> {
    return this.node.status(asked)
  }

  localQuarantined(): QuarantinedActor[] {
    return this.node.quarantined()
  }

  /** How this node is. */
  async vitals(): Promise<NodeVitals> {
    const { id, leaseless } = this.membership
    const asked = this.shards
    const statuses = await this.node.status({ waitMs: vitalsWaitMs })
    return {
      ...this.options.processVitals?.(),
      id,
      name: this.options.name,
      address: this.membership.view.get(id)?.address ?? '',
      ...shardVitals(asked, statuses),
      ...(leaseless === undefined ? {} : { leaseless }),
      hot: this.hot.top(hotShown),
      transit: this.options.transitOf?.(statuses) ?? {},
    }
  }

  /** Writes snapshots of the shards served here, and cuts their journals behind them. */
  snapshot(): Promise<void> {
    return this.node.snapshot()
  }

  /** Tells the others where the HTTP API of this node listens. */
  tellAddress(address: string): void {
    this.membership.tell({ address })
  }

  /** Gives all shards to others, as long as there are others and they take them in time. */
  drain(): Promise<void> {
    return this.departure.drain()
  }

  /**
   * Leaves: shards that are still here are closed in good order, and given out by the others.
   * @returns false when NATS did not take what was under way in time
   */
  async leave(): Promise<boolean> {
    this.keeper.stop()
    const inOrder = await this.departure.end()
    await this.coordinator.resign()
    await this.membership.leave()
    this.end()
    return inOrder
  }

  /** Stops without a word: the others find out by its silence. */
  stop(): void {
    this.keeper.stop()
    this.coordinator.stop()
    this.membership.stop()
    this.end()
  }

  private async start(): Promise<void> {
    this.store.start()
    this.configuration.onChange((change) => {
      this.node.configure(boundsAfter(change, nodeOptionsOf(this.options, this.identity)))
    })
    this.configuration.start()
    this.assignments.onChange((map) => {
      this.follow(map)
      const owners = map.shards.map(({ owner }) => owner)
      owners.forEach((owner, shard) => {
        const before = this.owners[shard]
        if (owner === before) return
        this.node.ownerChanged(shard, before !== undefined && this.membership.view.isAlive(before))
      })
      this.owners = owners
    })
    this.assignments.start()
    // A node whose id is dead joins under another; its shards were dropped by then.
    this.membership.onLost(() => {
      this.joinAgain().catch((error: unknown) => {
        // Who is on the way out need not get in again.
        if (!this.stopped) this.options.fail(error)
      })
    })
    await this.membership.join()
    this.connect()
    this.coordinator.start()
    this.tell()
  }

  /** Writes what the cluster writes (F2). */
  private follow(map: ShardMap): void {
    try {
      checkFormatOf(map, formatsOf(this.options))
      this.node.useFormat(map.format)
    } catch (error) {
      this.options.fail(error)
    }
  }

  private async joinAgain(): Promise<void> {
    this.link?.close()
    this.link = undefined
    if (this.stopped) return
    await untilPermitted(
      this.env,
      () => this.isStopped(),
      () => this.membership.join(),
    )
    if (!this.isStopped()) this.connect()
  }

  private isStopped(): boolean {
    return this.stopped
  }

  /** Links under the id of this life. */
  private connect(): void {
    const { cluster, nats } = this.options
    const { id } = this.membership
    this.places = new Places(id)
    this.link = new NodeLink(nats.bus, cluster, id, () => this.assignments.version, this.listener())
    this.assignments.joined()
  }

  private end(): void {
    this.stopped = true
    this.timer?.cancel()
    this.assignments.stop()
    this.configuration.stop()
    this.store.stop()
    this.link?.close()
    this.node.close()
  }

  /** Tells the others how far the shards here are durable, and how much they do. */
  private tell(): void {
    const ordinals = this.node.durableOrdinals()
    const now = { at: this.env.clock.monotonic(), ordinals }
    const { reports, told } = shardReports(this.told, now)
    this.told = told
    // Of what it should serve and does not, too: whoever starts meanwhile must know how far it was durable (V3).
    for (const [shard, { owner }] of this.store.map?.shards.entries() ?? []) {
      const ordinal = this.membership.view.ordinalOf(shard)
      const isMissing = owner === this.membership.id && !ordinals.has(shard) && ordinal > 0
      if (isMissing) reports.set(shard, { ordinal, load: 0 })
    }
    this.membership.tellShards(reports)
    this.clockWatch.look()
    // What is hot now, not what once was.
    if (++this.timesTold % decayEvery === 0) this.hot.decay()
    this.timer = this.env.timers.after(tellMs, () => {
      this.tell()
    })
  }

  private nodeLinks(bucket: KeyBucket): ShardNodeLinks {
    const { env, options, identity } = this
    const { nats, report, fail } = options
    const send = (place: number, channel: Channel, bytes: Uint8Array): void => {
      const member = this.places.idOf(place)
      if (member !== undefined) this.link?.send(member, channel, bytes)
    }
    return {
      storages: new JetStreamStorages(env, nats, storageOptionsOf(options, bucket, identity)),
      placeOf: (shard) => {
        const owner = this.owners[shard]
        if (owner === undefined || owner === this.membership.id) return undefined
        return this.places.of(owner)
      },
      mayAnswer: () => this.membership.valid,
      isCutOff: () => this.reach.cutOff(),
      requests: (place, bytes) => send(place, 'requests', bytes),
      answers: (place, bytes) => send(place, 'answers', bytes),
      peers: (place, bytes) => send(place, 'peers', bytes),
      opened: (shard) => {
        const bytes = Buffer.alloc(2)
        bytes.writeUInt16LE(shard)
        for (const { id } of this.membership.view.alive()) {
          if (id !== this.membership.id) this.link?.send(id, 'opened', bytes)
        }
      },
      shardLost: (shard, error) => this.keeper.lost(shard, error),
      sampled: (address) => this.hot.add(address),
      report,
      fail,
    }
  }

  private listener(): LinkListener {
    return {
      batch: (channel, sender, bytes) => {
        if (channel === 'requests') this.node.takeRequests(this.places.of(sender), bytes)
        else if (channel === 'answers') this.node.takeAnswers(bytes)
        else if (channel === 'peers') this.node.takePeers(bytes)
        else this.node.openedElsewhere(Buffer.from(bytes).readUInt16LE(0))
      },
      newerMap: () => this.store.lookUp(),
      call: (name, input) => answerCall(this.node, name, input),
      vitals: () => this.vitals(),
      unreadable: (channel, sender, why, more) => {
        this.options.report('batch_unreadable', { channel, sender, why, more })
      },
      unsent: (to, why) => {
        this.options.report('message_unsent', { to, why })
      },
    }
  }

  private members(): Members {
    return {
      ids: () => this.membership.view.alive().map(({ id }) => id),
      ownerOf: (shard) => this.owners[shard],
      shardOf: (address) => this.node.shardOf(address),
      isCutOff: () => this.reach.cutOff(),
      call: async (member, name, input) => {
        if (member === this.membership.id) return answerCall(this.node, name, input)
        if (this.link === undefined) throw new Fault('not_ready')
        return this.link.call(member, name, input)
      },
    }
  }
}
