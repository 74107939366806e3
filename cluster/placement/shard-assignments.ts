/**
 * What the shard map asks of this node, shard by shard: open what it owns, read ahead for what it
 * will own, hand over what moves away, and drop at once what is not its own any more.
 *
 * G1. This node owns a shard while the newest map it knows says so, it has not begun to hand it over,
 *     and its lease holds. Never on the word of an older map.
 * G2. From the first attempt to hand a shard over it counts as given away, whatever becomes of that
 *     attempt; only a younger map that keeps the shard here gives it back.
 * G3. An ownership has a name, the version that began it: one that ended and began again unseen is
 *     another, so the shard is closed and opened.
 */
import type { Member } from '../membership/member.js'
import type { Membership } from '../membership/membership.js'
import type { MapStore } from './map-store.js'
import type { ShardMap, ShardPlace } from './shard-map.js'
import { changeMap, type MapStep } from './transitions.js'

/** What a node does about its shards. Called in the order of shard numbers, never within each other. */
export interface ShardDuties {
  /** The shard is this node's: fence its journal, read the rest, serve. */
  open(shard: number): void
  /** The shard is not this node's any more: drop it at once; nothing of it may leave any more. */
  close(shard: number): void
  /** The shard will be this node's: read ahead, then call {@link ShardAssignments.ready}. */
  prepare(shard: number): void
  /** It won't, after all. */
  abandon(shard: number): void
  /** The next owner is ready: take no more requests, seal, then call {@link ShardAssignments.handOver}. */
  drain(shard: number): void
  /** The move was called off: serve on. */
  resume(shard: number): void
}

/** What this node is to a shard. */
type Role =
  | { readonly type: 'owner'; readonly since: number; draining: boolean; leaving: boolean }
  | { readonly type: 'next'; readonly since: number }

/** What this needs to know of the node as a member. */
export type OwnMembership = Pick<Membership, 'id' | 'member' | 'valid' | 'view' | 'onLost'>

/** What this needs of the map. */
export type OwnMap = Pick<MapStore, 'map' | 'onChange' | 'change'>

export class ShardAssignments {
  private readonly membership: OwnMembership
  private readonly store: OwnMap
  private readonly duties: ShardDuties
  private readonly roles = new Map<number, Role>()
  private readonly listeners = new Set<(map: ShardMap) => void>()
  private readonly stops: (() => void)[] = []
  private reconciling = false
  private again = false

  constructor(membership: OwnMembership, store: OwnMap, duties: ShardDuties) {
    this.membership = membership
    this.store = store
    this.duties = duties
  }

  /** Begins to follow the map. */
  start(): void {
    this.stops.push(
      this.store.onChange((map) => {
        this.reconcile()
        for (const listener of [...this.listeners]) listener(map)
      }),
      this.membership.onLost(() => this.reconcile()),
    )
    this.reconcile()
  }

  /** To be called after the membership has joined: the map may already name the new id. */
  joined(): void {
    this.reconcile()
  }

  /** Closes everything and follows no more. */
  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    for (const shard of [...this.roles.keys()]) this.end(shard)
  }

  /** Version of the newest map known here; 0 before the first. */
  get version(): number {
    return this.store.map?.version ?? 0
  }

  /** Number of shards of the cluster; 0 before the first map. */
  get shards(): number {
    return this.store.map?.shards.length ?? 0
  }

  /** Told of every newer map, after the duties it brought. */
  onChange(listener: (map: ShardMap) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Who owns a shard, as far as is known here. */
  ownerOf(shard: number): Member | undefined {
    const owner = this.store.map?.shards[shard]?.owner
    return owner === undefined ? undefined : this.membership.view.get(owner)
  }

  /** Whether this node may answer for a shard now (G1). */
  owns(shard: number): boolean {
    const role = this.roles.get(shard)
    return role?.type === 'owner' && !role.leaving && this.membership.valid
  }

  /** Shards that are this node's, those under way included. */
  owned(): number[] {
    return [...this.roles].filter(([, { type }]) => type === 'owner').map(([shard]) => shard)
  }

  /**
   * Tells that this node has read ahead.
   * @returns false when the move is over
   * @throws NatsRefused
   */
  async ready(shard: number): Promise<boolean> {
    const role = this.roles.get(shard)
    if (role?.type !== 'next') return false
    const me = this.membership.id
    const outcome = await this.write({ type: 'mark_ready', shard, by: me }, () => {
      const place = this.store.map?.shards[shard]
      return place?.next === me && place.movingSince === role.since && !place.ready
    })
    const now = this.roles.get(shard)
    return outcome !== 'given_up' && (now === role || now?.type === 'owner')
  }

  /**
   * Makes the next owner the owner. To be called when all of the shard is durable and sealed.
   * @returns false when the shard stays here after all; {@link ShardDuties.resume} says so too
   * @throws NatsRefused
   */
  async handOver(shard: number): Promise<boolean> {
    const role = this.roles.get(shard)
    if (role?.type !== 'owner' || !role.draining || role.leaving) return false
    role.leaving = true
    const me = this.membership.id
    await this.write({ type: 'hand_over', shard, by: me }, () => {
      const place = this.store.map?.shards[shard]
      return place?.owner === me && place.ownedSince === role.since && place.ready
    })
    return this.roles.get(shard) !== role
  }

  private write(step: MapStep, stillWanted: () => boolean): Promise<string> {
    const me = this.membership.id
    return this.store.change(
      (map) => {
        if (map === undefined || !stillWanted()) return undefined
        const result = changeMap(map, [step], () => false)
        return 'map' in result ? result.map : undefined
      },
      () => this.membership.id === me,
    )
  }

  /** Brings the roles in line with the map; a call from within a duty is done afterwards. */
  private reconcile(): void {
    this.again = true
    if (this.reconciling) return
    this.reconciling = true
    try {
      while (this.takeTurn()) {
        const places = this.store.map?.shards ?? []
        const me = this.membership.member ? this.membership.id : undefined
        for (const [shard, place] of places.entries()) this.settle(shard, place, me)
      }
    } finally {
      this.reconciling = false
    }
  }

  private takeTurn(): boolean {
    const { again } = this
    this.again = false
    return again
  }

  private settle(shard: number, place: ShardPlace, me: string | undefined): void {
    const role = this.roles.get(shard)
    const owner = me !== undefined && place.owner === me
    const next = me !== undefined && place.next === me
    if (role?.type === 'owner' && owner && role.since === place.ownedSince) {
      this.follow(shard, role, place)
      return
    }
    if (role?.type === 'next' && next && role.since === place.movingSince) return
    // Who was next and is the owner now just goes on: what it read ahead is what it opens.
    if (role?.type === 'next' && owner) this.roles.delete(shard)
    else this.end(shard)
    if (owner) {
      const since = place.ownedSince
      this.roles.set(shard, { type: 'owner', since, draining: false, leaving: false })
      this.duties.open(shard)
      // It may already be asked to move on.
      this.again ||= place.ready
    } else if (next) {
      this.roles.set(shard, { type: 'next', since: place.movingSince })
      this.duties.prepare(shard)
    }
  }

  private follow(shard: number, role: Role & { type: 'owner' }, place: ShardPlace): void {
    if (place.ready && !role.draining) {
      role.draining = true
      this.duties.drain(shard)
    } else if (!place.ready && role.draining) {
      // The map is younger than every attempt to hand over, so none of them can come through now.
      role.draining = false
      role.leaving = false
      this.duties.resume(shard)
    }
  }

  private end(shard: number): void {
    const role = this.roles.get(shard)
    if (!this.roles.delete(shard)) return
    if (role?.type === 'owner') this.duties.close(shard)
    else this.duties.abandon(shard)
  }
}
