/**
 * Where shards should be: who gets one that has no owner, and which moves make the nodes even.
 * Pure functions of the map, the nodes and the weights; the coordinator acts on what they say.
 *
 * B1. Equal nodes end within one shard of each other, or as near as the weights of shards allow.
 * B2. Nothing moves that need not: a node that joins only takes, one that leaves only gives.
 * B3. A move must be worth it: what it evens out exceeds the shard by `slack`, so that noise in the
 *     load moves nothing. A plan is thought through to its end, where nothing is worth a move any more,
 *     and moves each shard once: none goes to and fro.
 * B4. Balance leaves pinned shards where they are, and evens out the others around them.
 */
import { scoreOf } from './rendezvous.js'

/** A node that may own shards. */
export interface PlacementNode {
  readonly id: string
  /** Name by which its favourite shards are chosen, so that it gets the same ones in its next life. */
  readonly name: string
  /** What it can carry, compared with others. */
  readonly capacity: number
  /** It is being emptied: it gives all and takes none. */
  readonly draining: boolean
}

/** Where a shard is and whether it is on its way. */
export interface PlacedShard {
  readonly owner: string | undefined
  readonly next: string | undefined
  /** Only a node that is being emptied gives it away. @default false */
  readonly pinned?: boolean
}

export interface MoveLimits {
  /** Moves under way at once, in the whole cluster. */
  readonly movesMax: number
  /** Moves under way at once that give from, or to, one node. */
  readonly perNodeMax: number
}

export interface PlannedMove {
  readonly shard: number
  readonly to: string
}

/** Share of an average shard that a move must gain beyond the shard itself. */
const slack = 0.5

/** Weights are counted in parts this small: sums of them are exact, in whatever order they are made. */
const weightParts = 2 ** 20

/** Where everything is while a plan is made. */
class Loads {
  private readonly nodes: readonly PlacementNode[]
  private readonly carried = new Map<string, number>()
  private readonly total: number
  private readonly capacity: number
  private readonly givenWeightOf: (shard: number) => number

  constructor(
    nodes: readonly PlacementNode[],
    shards: readonly PlacedShard[],
    weightOf: (shard: number) => number,
  ) {
    this.nodes = nodes
    this.givenWeightOf = weightOf
    for (const [shard, { owner, next }] of shards.entries()) {
      const at = next ?? owner
      if (at !== undefined) this.add(at, this.weightOf(shard))
    }
    this.total = shards.reduce((sum, _, shard) => sum + this.weightOf(shard), 0)
    this.capacity = nodes.reduce((sum, node) => sum + node.capacity, 0)
  }

  weightOf(shard: number): number {
    return Math.round(this.givenWeightOf(shard) * weightParts) / weightParts
  }

  add(id: string, weight: number): void {
    this.carried.set(id, (this.carried.get(id) ?? 0) + weight)
  }

  /** How full a node is, per unit of capacity. */
  fullness(node: PlacementNode, more = 0): number {
    return ((this.carried.get(node.id) ?? 0) + more) / node.capacity
  }

  /** The node a shard without one should go to. */
  home(shard: number): PlacementNode | undefined {
    const weight = this.weightOf(shard)
    const fair = this.total / this.capacity
    // Whoever stays within a fair share is as good as another: the score chooses.
    const within = this.nodes.filter((node) => this.fullness(node, weight) <= fair + 1e-9)
    if (within.length > 0) return favourite(shard, within)
    const least = Math.min(...this.nodes.map((node) => this.fullness(node, weight)))
    const emptiest = this.nodes.filter((node) => this.fullness(node, weight) <= least + 1e-9)
    return favourite(shard, emptiest)
  }
}

/** Owners for shards that have none, by shard; empty when there is no node. */
export function placeUnowned(
  unowned: readonly number[],
  shards: readonly PlacedShard[],
  nodes: readonly PlacementNode[],
  weightOf: (shard: number) => number,
): Map<number, string> {
  const takers = nodes.filter(({ draining }) => !draining)
  const homeless = new Set(unowned)
  const placed = shards.map((shard, i) =>
    homeless.has(i) ? { owner: undefined, next: undefined } : shard,
  )
  const loads = new Loads(takers.length > 0 ? takers : nodes, placed, weightOf)
  const homes = new Map<number, string>()
  for (const shard of unowned) {
    const home = loads.home(shard)
    if (home === undefined) break
    homes.set(shard, home.id)
    loads.add(home.id, loads.weightOf(shard))
  }
  return homes
}

/** The moves to begin now, those off draining nodes first. */
export function planMoves(
  shards: readonly PlacedShard[],
  nodes: readonly PlacementNode[],
  weightOf: (shard: number) => number,
  limits: MoveLimits,
): PlannedMove[] {
  return new MovePlan(shards, nodes, weightOf, limits).plan()
}

class MovePlan {
  private readonly shards: readonly PlacedShard[]
  private readonly nodes: readonly PlacementNode[]
  private readonly takers: readonly PlacementNode[]
  private readonly loads: Loads
  private readonly limits: MoveLimits
  private readonly busy = new Map<string, number>()
  private underWay = 0
  /** Where this plan takes shards. */
  private readonly planned = new Map<number, string>()

  constructor(
    shards: readonly PlacedShard[],
    nodes: readonly PlacementNode[],
    weightOf: (shard: number) => number,
    limits: MoveLimits,
  ) {
    this.shards = shards
    this.nodes = nodes
    this.takers = nodes.filter(({ draining }) => !draining)
    this.loads = new Loads(this.takers, shards, weightOf)
    this.limits = limits
    for (const { owner, next } of shards) if (next !== undefined) this.count(owner, next)
  }

  plan(): PlannedMove[] {
    if (this.takers.length === 0) return []
    this.empty()
    this.even()
    return [...this.planned].map(([shard, to]) => ({ shard, to }))
  }

  /** Moves off the nodes that are being emptied. */
  private empty(): void {
    const leaving = new Set(this.nodes.filter(({ draining }) => draining).map(({ id }) => id))
    for (const [shard, { owner, next }] of this.shards.entries()) {
      if (owner === undefined || next !== undefined || !leaving.has(owner)) continue
      const home = this.loads.home(shard)
      if (home !== undefined && this.mayMove(owner, home.id)) this.begin(shard, owner, home.id)
    }
  }

  /** Moves that even the nodes out, from the fullest to the emptiest. */
  private even(): void {
    for (;;) {
      const byFullness = [...this.takers].sort(
        (a, b) => this.loads.fullness(b) - this.loads.fullness(a) || (a.id < b.id ? -1 : 1),
      )
      if (!byFullness.some((from) => this.moveFrom(from, byFullness))) return
    }
  }

  private moveFrom(from: PlacementNode, byFullness: readonly PlacementNode[]): boolean {
    for (let i = byFullness.length - 1; i >= 0; i--) {
      const to = byFullness[i]!
      if (to === from) return false
      const shard = this.best(from, to)
      if (shard === undefined) continue
      if (this.planned.has(shard)) this.turn(shard, from.id, to.id)
      else this.begin(shard, from.id, to.id)
      return true
    }
    return false
  }

  /** The shard that fits the other node best, of those that are worth the move. */
  private best(from: PlacementNode, to: PlacementNode): number | undefined {
    let found: number | undefined
    let highest = -Infinity
    for (const [shard, { pinned }] of this.shards.entries()) {
      if (pinned === true || !this.mayGo(shard, from.id, to.id)) continue
      const weight = this.loads.weightOf(shard)
      // Afterwards the taker must still be emptier than the giver was, by the slack.
      const after = this.loads.fullness(to, weight + slack)
      if (after > this.loads.fullness(from) + 1e-9) continue
      const score = scoreOf(shard, to.name, to.capacity) / scoreOf(shard, from.name, from.capacity)
      if (score > highest) {
        highest = score
        found = shard
      }
    }
    return found
  }

  private mayMove(from: string, to: string): boolean {
    const { movesMax, perNodeMax } = this.limits
    if (this.underWay >= movesMax) return false
    return (this.busy.get(from) ?? 0) < perNodeMax && (this.busy.get(to) ?? 0) < perNodeMax
  }

  /** Whether a shard is at a node, or is to be there by this plan, and may go to another. */
  private mayGo(shard: number, from: string, to: string): boolean {
    const { owner, next } = this.shards[shard]!
    const planned = this.planned.get(shard)
    if (planned === undefined) return owner === from && next === undefined && this.mayMove(from, to)
    // Nothing has begun yet: it goes there at once, or stays where it is.
    return planned === from && (owner === to || (this.busy.get(to) ?? 0) < this.limits.perNodeMax)
  }

  private begin(shard: number, from: string, to: string): void {
    this.carry(shard, from, to)
    this.planned.set(shard, to)
    this.count(from, to)
  }

  /** Takes a shard elsewhere than was planned. */
  private turn(shard: number, from: string, to: string): void {
    const { owner } = this.shards[shard]!
    this.carry(shard, from, to)
    this.count(owner, from, -1)
    if (owner === to) this.planned.delete(shard)
    else {
      this.planned.set(shard, to)
      this.count(owner, to)
    }
  }

  private carry(shard: number, from: string, to: string): void {
    const weight = this.loads.weightOf(shard)
    this.loads.add(from, -weight)
    this.loads.add(to, weight)
  }

  private count(from: string | undefined, to: string, moves = 1): void {
    this.underWay += moves
    for (const id of from === undefined ? [to] : [from, to]) {
      this.busy.set(id, (this.busy.get(id) ?? 0) + moves)
    }
  }
}

function favourite(shard: number, nodes: readonly PlacementNode[]): PlacementNode | undefined {
  let found: PlacementNode | undefined
  let highest = -Infinity
  for (const node of nodes) {
    const score = scoreOf(shard, node.name, node.capacity)
    if (score > highest || (score === highest && found !== undefined && node.id < found.id)) {
      highest = score
      found = node
    }
  }
  return found
}
