/**
 * The coordinator: on every node a candidate, on one of them in office. It declares the dead, gives
 * shards to those who live, begins and ends moves, and answers operators.
 *
 * C1. It acts only while its term holds (O1), asked again before every write.
 * C2. A new coordinator first puts its term into the map: then nothing an earlier one still has in
 *     flight can come through, and an earlier one that reads the map knows that it is over.
 * C3. Whatever it writes was decided on the revision it replaces (P6).
 */
import type { Env } from '../../runtime/index.js'
import type { Bus, KeyBucket } from '../../transport/index.js'
import type { ChangeOutcome, MapStore } from '../placement/map-store.js'
import { emptyMap, type ShardMap } from '../placement/shard-map.js'
import { changeMap, type MapStep } from '../placement/transitions.js'
import { Judge } from './judge.js'
import { MapDuties, rebalanceDefaults, type RebalanceSettings } from './map-duties.js'
import { nodePrefix, type Member } from './member.js'
import type { Membership } from './membership.js'
import { Office } from './office.js'
import { answerOperators, type Settings } from './operator.js'
import { freeSlots } from './slots.js'
import { ToldTrouble } from './told-trouble.js'
import { within } from './within.js'

export interface CoordinatorOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  readonly bus: Bus
  /** Name of the cluster, as in the subjects of its bus. */
  readonly cluster: string
  readonly membership: Membership
  readonly store: MapStore
  /** Shards of a new cluster; an old one keeps its number. @default 16 */
  readonly shards?: number
  /** Journal format of a new cluster. @default the newest that all members read now */
  readonly format?: number
  /** Read anew for every decision. */
  readonly rebalance?: () => RebalanceSettings
  /** Where operators' changes of settings are written. @default they are refused */
  readonly settings?: Settings
  /** ms a new cluster waits for its nodes before shards are given out. @default 1,000 */
  readonly gatherMs?: number
  /** ms after which the entries of the dead are removed. @default 60,000 */
  readonly sweepMs?: number
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

export class Coordinator {
  readonly duties: MapDuties
  private readonly options: CoordinatorOptions
  private readonly office: Office
  private readonly judge: Judge
  private readonly troubles: ToldTrouble
  private readonly stops: (() => void)[] = []
  private timer: { cancel(): void } | undefined
  private busy = false
  private stopped = false
  private termBegun = 0
  private begunAt = 0
  private sweptAt = 0

  constructor(options: CoordinatorOptions) {
    this.options = options
    const { env, membership, store } = options
    this.office = new Office({ ...options, termKnown: () => store.map?.term ?? 0 })
    this.judge = new Judge(options)
    this.troubles = new ToldTrouble(env.clock, options.report, 'coordinator')
    const rebalance = options.rebalance ?? ((): RebalanceSettings => rebalanceDefaults)
    this.duties = new MapDuties(env.clock, membership.view, rebalance)
  }

  /** Term this node acts on; undefined while it is not the coordinator. */
  get term(): number | undefined {
    const term = this.office.term
    const known = this.options.store.map?.term ?? 0
    return term !== undefined && term >= known ? term : undefined
  }

  /** Id of the coordinator, as far as is known here. */
  get holder(): string | undefined {
    return this.office.holder
  }

  start(): void {
    const { store, membership } = this.options
    this.office.start()
    this.stops.push(
      store.onChange(() => this.wake(0)),
      membership.view.onChange(() => {
        // Every renewal of every node comes by here: only what has to be done at once is.
        if (this.hasOrphans()) this.wake(0)
      }),
      answerOperators(this.options, this),
    )
    this.wake(0)
  }

  /** Stops without a word. */
  stop(): void {
    this.end()
    this.office.stop()
  }

  /** Stops, and lets another take over at once. */
  async resign(): Promise<void> {
    this.end()
    await this.office.resign()
  }

  /** Any node may, in office or not: a member's process has ended, as whoever started it saw (D3 in `judge.ts`). */
  async bury(id: string): Promise<void> {
    try {
      await this.judge.bury(id, () => !this.stopped)
    } catch (error) {
      // It falls silent, and is declared dead for that.
      this.options.report?.('coordinator_trouble', { error })
    }
  }

  /** Changes the map as the coordinator of this term. */
  changeMap(decide: (map: ShardMap) => readonly MapStep[]): Promise<ChangeOutcome> {
    const { store, membership } = this.options
    const { term } = this
    return store.change(
      (map) => {
        if (map === undefined) return undefined
        const steps = decide(map)
        if (steps.length === 0) return undefined
        const result = changeMap(map, steps, (id) => membership.view.isDead(id))
        return 'map' in result ? result.map : undefined
      },
      () => term !== undefined && this.term === term,
    )
  }

  private end(): void {
    this.stopped = true
    this.timer?.cancel()
    for (const stop of this.stops.splice(0)) stop()
  }

  private hasOrphans(): boolean {
    const { store, membership } = this.options
    return (
      this.term !== undefined &&
      store.map?.shards.some(
        ({ owner }) => owner !== undefined && membership.view.isDead(owner),
      ) === true
    )
  }

  /** Looks after everything soon. */
  private wake(delayMs: number): void {
    if (this.stopped || this.busy) return
    this.timer?.cancel()
    this.timer = this.options.env.timers.after(delayMs, () => void this.look())
  }

  private async look(): Promise<void> {
    if (this.busy) return
    this.busy = true
    try {
      await this.office.stand()
      if (this.term !== undefined) await this.act(this.term)
      this.troubles.over()
    } catch (error) {
      this.troubles.met(error)
    } finally {
      this.busy = false
      this.wake(this.options.membership.settings.renewMs / 4)
    }
  }

  private async act(term: number): Promise<void> {
    const { env, store } = this.options
    if (!(await this.takeMap(term)) || this.term !== term) return
    if (this.termBegun !== term) {
      this.termBegun = term
      this.begunAt = env.clock.monotonic()
      this.duties.begin()
    }
    await this.judge.judge(ownersOf(store.map), () => this.term === term)
    if (store.map !== undefined) this.duties.measure(store.map)
    if (!this.gathering()) await this.changeMap((map) => this.duties.steps(map))
    await this.sweep(term)
  }

  /** Makes the map this term's own (C2), or the first one. @returns whether it is */
  private async takeMap(term: number): Promise<boolean> {
    const { store, shards = 16, membership } = this.options
    if (store.isToRestore) await store.restore(() => this.term === term)
    // Nodes that serve know a map: a first one would be another (P8).
    const isServed = (): boolean => membership.view.alive().some(isServing)
    if (store.map === undefined && isServed() && !(await store.find())) store.tellLost()
    await store.change(
      (map) => {
        if (map === undefined) {
          if (isServed()) return undefined
          const format = this.options.format ?? newestReadBy(membership.view.alive())
          return emptyMap(shards, term, format)
        }
        const result = changeMap(map, [{ type: 'take_office', term }], () => false)
        return 'map' in result ? result.map : undefined
      },
      () => this.term === term,
    )
    return store.map?.term === term
  }

  /** A new cluster waits for its nodes, so that the first one up does not get everything. */
  private gathering(): boolean {
    const { env, store, gatherMs = 1_000 } = this.options
    const fresh = store.map?.shards.every(({ owner }) => owner === undefined) === true
    return fresh && env.clock.monotonic() - this.begunAt < gatherMs
  }

  /** Removes what the dead have left behind, when the map does not speak of them any more. */
  private async sweep(term: number): Promise<void> {
    const { env, bucket, membership, store, sweepMs = 60_000 } = this.options
    const now = env.clock.monotonic()
    if (now - this.sweptAt < sweepMs / 4) return
    this.sweptAt = now
    const named = ownersOf(store.map)
    const { attemptMs } = membership.settings
    const old = [...membership.view.all.values()].filter(
      ({ member, observedAt }) =>
        member.state === 'dead' && !named.has(member.id) && now - observedAt > sweepMs,
    )
    if (old.length === 0 || this.term !== term) return
    const gone = new Set(old.map(({ member }) => member.id))
    if (!(await freeSlots(env, bucket, (id) => gone.has(id), attemptMs))) return
    for (const { member, revision } of old) {
      if (this.term === term) {
        await within(env, attemptMs, bucket.remove(nodePrefix + member.id, revision))
      }
    }
  }
}

function isServing({ shards }: Member): boolean {
  return shards.size > 0
}

/** The newest format that all of them read. */
function newestReadBy(members: readonly Member[]): number {
  return Math.min(...members.map(({ reads }) => reads[1]))
}

/** Ids the map speaks of. */
function ownersOf(map: ShardMap | undefined): Set<string> {
  const ids = new Set<string>()
  for (const { owner, next } of map?.shards ?? []) {
    if (owner !== undefined) ids.add(owner)
    if (next !== undefined) ids.add(next)
  }
  return ids
}
