/**
 * What the coordinator does about the shard map, as one decision: given the map, the members and the
 * time, the steps to take now.
 *
 * K1. A shard whose owner is dead goes to whoever was about to own it and is ready, else to where it
 *     belongs.
 * K2. A move ends: it is called off when its taker is dead or not fit any more, or when its time is
 *     up, and then that shard is left alone for a while. One slow move stops no other.
 * K3. Nodes that an operator wants even are so when there is no move left to make, not even one that is left alone.
 */
import type { Clock } from '../../runtime/index.js'
import { ShardLoads } from '../placement/load.js'
import {
  placeUnowned,
  planMoves,
  type MoveLimits,
  type PlacementNode,
} from '../placement/placement.js'
import type { ShardMap, ShardPlace } from '../placement/shard-map.js'
import type { MapStep } from '../placement/transitions.js'
import type { Member } from './member.js'
import type { MemberView } from './member-view.js'

/** What the coordinator may do by itself; read anew for every decision. */
export interface RebalanceSettings extends MoveLimits {
  /** False: only dead and draining nodes lose shards. */
  readonly enabled: boolean
  /** ms a move may take until its taker is ready, and again until its owner has handed over. */
  readonly moveMsMax: number
}

export const rebalanceDefaults: RebalanceSettings = {
  enabled: true,
  movesMax: 4,
  perNodeMax: 2,
  moveMsMax: 30_000,
}

interface WatchedMove {
  readonly movingSince: number
  readonly ready: boolean
  /** Monotonic ms when it was first seen so. */
  readonly at: number
}

export class MapDuties {
  private readonly clock: Clock
  private readonly view: MemberView
  private readonly settings: () => RebalanceSettings
  private readonly loads = new ShardLoads()
  private readonly moves = new Map<number, WatchedMove>()
  /** Monotonic ms until which a shard whose move failed is left alone. */
  private readonly quiet = new Map<number, number>()
  /** An operator asked for even nodes: rebalance until they are, whatever the settings say. */
  private evenOut = false

  constructor(clock: Clock, view: MemberView, settings: () => RebalanceSettings) {
    this.clock = clock
    this.view = view
    this.settings = settings
  }

  /** Evens the nodes out once. */
  rebalanceOnce(): void {
    this.evenOut = true
    this.quiet.clear()
  }

  /** Whether an operator asked for even nodes, and there is more to do about it. */
  get evening(): boolean {
    return this.evenOut
  }

  /** Takes the loads that owners tell of their shards. */
  measure(map: ShardMap): void {
    for (const member of this.view.alive()) {
      for (const [shard, { load }] of member.shards) {
        if (map.shards[shard]?.owner === member.id) this.loads.measure(shard, load)
      }
    }
  }

  /** Forgets what an earlier term has seen. */
  begin(): void {
    this.moves.clear()
    this.quiet.clear()
  }

  /** The steps to take now; none when all is well. */
  steps(map: ShardMap): MapStep[] {
    const steps: MapStep[] = map.draining
      .filter((member) => this.gone(member))
      .map((member) => ({ type: 'undrain', member }))
    const places = [...map.shards]
    this.cancelMoves(places, steps)
    const nodes = nodesOf(map, this.view)
    const weightOf = this.loads.weights(map.shards.length)
    this.assignUnowned(places, nodes, weightOf, steps)
    this.beginMoves(places, nodes, weightOf, steps)
    return steps
  }

  private gone(id: string): boolean {
    return this.view.isDead(id)
  }

  private cancelMoves(places: ShardPlace[], steps: MapStep[]): void {
    const now = this.clock.monotonic()
    for (const [shard, place] of places.entries()) {
      const { owner, next, ready, movingSince } = place
      if (next === undefined) {
        this.moves.delete(shard)
        continue
      }
      const before = this.moves.get(shard)
      if (before?.movingSince !== movingSince || before.ready !== ready) {
        this.moves.set(shard, { movingSince, ready, at: now })
      }
      const overdue = now - (this.moves.get(shard)?.at ?? now) > this.settings().moveMsMax
      // A dead owner's shard is assigned, which ends the move too.
      if (owner === undefined || this.gone(owner)) continue
      const taker = this.view.get(next)
      if (!overdue && taker?.state === 'up') continue
      // A taker that is merely not known here yet has as long as any other.
      if (!overdue && taker === undefined) continue
      if (overdue) this.quiet.set(shard, now + this.settings().moveMsMax)
      steps.push({ type: 'cancel_move', shard })
      places[shard] = { ...place, next: undefined, movingSince: 0, ready: false }
    }
  }

  private assignUnowned(
    places: ShardPlace[],
    nodes: readonly PlacementNode[],
    weightOf: (shard: number) => number,
    steps: MapStep[],
  ): void {
    const homeless: number[] = []
    for (const [shard, place] of places.entries()) {
      const { owner, next, ready } = place
      if (owner !== undefined && !this.gone(owner)) continue
      if (next !== undefined && ready && nodes.some(({ id }) => id === next)) {
        steps.push({ type: 'assign', shard, to: next })
        places[shard] = { ...place, owner: next, next: undefined, ready: false }
      } else homeless.push(shard)
    }
    for (const [shard, to] of placeUnowned(homeless, places, nodes, weightOf)) {
      steps.push({ type: 'assign', shard, to })
      places[shard] = { ...places[shard]!, owner: to, next: undefined, ready: false }
    }
  }

  private beginMoves(
    places: ShardPlace[],
    nodes: readonly PlacementNode[],
    weightOf: (shard: number) => number,
    steps: MapStep[],
  ): void {
    const now = this.clock.monotonic()
    const { enabled } = this.settings()
    const even = enabled || this.evenOut
    let isLeft = false
    for (const { shard, to } of planMoves(places, nodes, weightOf, this.settings())) {
      const owner = places[shard]?.owner
      const leaving = nodes.some(({ id, draining }) => id === owner && draining)
      if (!even && !leaving) continue
      if (now < (this.quiet.get(shard) ?? -Infinity)) isLeft = true
      else steps.push({ type: 'begin_move', shard, to })
    }
    isLeft ||= steps.length > 0 || places.some(({ next }) => next !== undefined)
    if (!isLeft) this.evenOut = false
  }
}

/** The members that may own shards. */
export function nodesOf(map: ShardMap, view: MemberView): PlacementNode[] {
  return view
    .alive()
    .filter((member) => member.state !== 'joining' && readsFormat(member, map.format))
    .map((member) => ({
      id: member.id,
      name: member.name,
      capacity: member.capacity,
      draining: member.state === 'draining' || map.draining.includes(member.id),
    }))
}

export function readsFormat({ reads: [from, to] }: Member, format: number): boolean {
  return from <= format && format <= to
}
