/**
 * The client of a whole cluster: commands and queries go to the node of their shard; what concerns
 * all shards is gathered from all members.
 */
import {
  actorClient,
  Fault,
  releaseBy,
  type ActorClient,
  type ActorDefinition,
  type Address,
  type Answered,
  type CommandOptions,
  type Env,
  type QuarantinedActor,
  type RuntimeClient,
  type ShardStatus,
  type SilentPair,
} from '../../runtime/index.js'
import type { PatientClient } from './patient-client.js'

/** Who asks the members. */
export interface Members {
  /** Ids of all members that may serve shards. */
  ids(): readonly string[]
  /** The owner of a shard; undefined when it has none now. */
  ownerOf(shard: number): string | undefined
  shardOf(address: Address): number
  /** Asks one member, this one included. @throws CallFailed, NatsUnreachable */
  call(member: string, name: string, input?: unknown): Promise<unknown>
  /** Whether nobody can be asked from here now (M7 in `reach.ts`). */
  isCutOff(): boolean
}

/** Shards a member is asked for at once: to copy all tallies would hold up what else it does. */
const talliesAtOnce = 4
const gatherPauseMs = 50
const gatherTimeoutMs = 10_000
/** Between two beginnings of a comparison, which writes on every shard of who is asked. */
const beginPauseMaxMs = 1000

export class ClusterClient implements RuntimeClient {
  readonly shards: number
  private readonly env: Env
  private readonly patient: PatientClient
  private readonly members: Members

  constructor(env: Env, shards: number, patient: PatientClient, members: Members) {
    this.env = env
    this.shards = shards
    this.patient = patient
    this.members = members
  }

  actor<D extends ActorDefinition>(definition: D, key: string): ActorClient<D> {
    return actorClient(this, definition, key)
  }

  command(
    address: Address,
    command: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    return this.patient.command(address, command, input, options)
  }

  async query(
    address: Address,
    query: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<unknown> {
    return (await this.patient.query(address, query, input, options)).value
  }

  /** @throws Fault not_ready when a shard has no owner for too long */
  async shardStatus(): Promise<ShardStatus[]> {
    return this.untilComplete(async () => {
      const statuses = await this.statuses()
      const missing = Array.from({ length: this.shards }, (_, shard) => shard).filter(
        (shard) => statuses.filter((status) => status.shard === shard).length !== 1,
      )
      if (missing.length > 0) {
        const sentence = `Shards ${missing.join(', ')} are not served now, or their storage takes nothing.`
        throw new Fault('not_ready', sentence)
      }
      return statuses.sort((a, b) => a.shard - b.shard)
    })
  }

  /** Shards by their owner. */
  private owned(): Map<string, number[]> {
    const owned = new Map<string, number[]>()
    for (let shard = 0; shard < this.shards; shard++) {
      const owner = this.members.ownerOf(shard)
      const those = owner === undefined ? undefined : owned.get(owner)
      if (those !== undefined) those.push(shard)
      else if (owner !== undefined) owned.set(owner, [shard])
    }
    return owned
  }

  private async statuses(): Promise<ShardStatus[]> {
    const asked = [...this.owned()].map(([member, shards]) => this.statusesOf(member, shards))
    return (await Promise.all(asked)).flat()
  }

  private async statusesOf(member: string, shards: readonly number[]): Promise<ShardStatus[]> {
    const statuses: ShardStatus[] = []
    for (let at = 0; at < shards.length; at += talliesAtOnce) {
      const some = shards.slice(at, at + talliesAtOnce)
      const answer = (await this.members.call(member, 'status', some)) as ShardStatus[]
      // One of an earlier release answers with all it serves.
      statuses.push(...answer.filter(({ shard }) => some.includes(shard)))
    }
    return statuses
  }

  async comparePairs(options?: { timeoutMs?: number }): Promise<SilentPair[]> {
    const deadline = this.env.clock.monotonic() + (options?.timeoutMs ?? gatherTimeoutMs)
    await this.beginComparison()
    for (;;) {
      const silent = await this.untilComplete(() => this.gather<SilentPair>('silentPairs'))
      if (silent.length === 0 || this.env.clock.monotonic() > deadline) return silent
      await this.pause()
    }
  }

  /**
   * To begin is to write, so who has begun is asked again only when it owns a shard by now that it did not own
   * when it was asked.
   */
  private async beginComparison(): Promise<void> {
    const deadline = this.env.clock.monotonic() + gatherTimeoutMs
    const begun = new Map<string, ReadonlySet<number>>()
    for (let pauseMs = gatherPauseMs; ; pauseMs = Math.min(2 * pauseMs, beginPauseMaxMs)) {
      const owned = this.owned()
      const asked = this.members.ids().filter((id) => {
        const before = begun.get(id)
        return before === undefined || owned.get(id)?.some((shard) => !before.has(shard)) === true
      })
      if (asked.length === 0) return
      let failure: unknown
      const begin = async (id: string): Promise<void> => {
        try {
          await this.members.call(id, 'comparePairs')
          begun.set(id, new Set(owned.get(id)))
        } catch (error) {
          failure = error
        }
      }
      await Promise.all(asked.map(begin))
      if (failure === undefined) continue
      if (this.isOver(deadline)) throw notReady(failure)
      await this.pause(pauseMs)
    }
  }

  quarantined(): Promise<QuarantinedActor[]> {
    return this.untilComplete(() => this.gather<QuarantinedActor>('quarantined'))
  }

  release(address: Address): Promise<void> {
    const release = async (): Promise<unknown> => {
      const owner = this.members.ownerOf(this.members.shardOf(address))
      if (owner === undefined) throw new Fault('not_ready')
      return this.members.call(owner, 'release', address)
    }
    return releaseBy({ release, quarantined: () => this.quarantined() }, address)
  }

  private async gather<T>(name: string): Promise<T[]> {
    const asked = this.members.ids().map((id) => this.members.call(id, name) as Promise<T[]>)
    return (await Promise.all(asked)).flat()
  }

  /** Members come and go while they are asked: asked again until all have answered at once. */
  private async untilComplete<T>(ask: () => Promise<T>): Promise<T> {
    const deadline = this.env.clock.monotonic() + gatherTimeoutMs
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (this.isOver(deadline)) throw notReady(error)
      }
      await this.pause()
    }
  }

  /** Nobody waits for members that can't be asked. */
  private isOver(deadline: number): boolean {
    return this.env.clock.monotonic() > deadline || this.members.isCutOff()
  }

  private pause(ms = gatherPauseMs): Promise<void> {
    return new Promise((resolve) => this.env.timers.after(ms, resolve))
  }
}

function notReady(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('not_ready', undefined, { cause: error })
}
