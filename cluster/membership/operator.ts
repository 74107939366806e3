/**
 * The coordinator's answers to operators. Only the one in office answers; every request is reported
 * with who asked, and is decided on the map it changes.
 */
import { assertNever, type Env } from '../../runtime/index.js'
import type { Bus, BusMessage } from '../../transport/index.js'
import type { MapStore } from '../placement/map-store.js'
import type { ShardMap } from '../placement/shard-map.js'
import type { MapStep } from '../placement/transitions.js'
import {
  controlSubject,
  decodeRequest,
  doneAlready,
  encodeAnswer,
  refuse,
  statusSubject,
  type ClusterStatus,
  type ControlAnswer,
  type ControlRefusal,
  type ControlRequest,
} from './control.js'
import type { Coordinator } from './coordinator.js'
import { nodesOf, readsFormat } from './map-duties.js'
import type { Member } from './member.js'
import type { Membership } from './membership.js'

export interface OperatorOptions {
  readonly env: Env
  readonly bus: Bus
  readonly cluster: string
  readonly membership: Membership
  readonly store: MapStore
  readonly settings?: Settings
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

/** Where settings are written; operators may not do so themselves (S5 in transport/nats/permissions.ts). */
export interface Settings {
  /** @param value undefined puts it back to its default @returns why it was refused */
  set(
    name: string,
    value: unknown,
    by: string,
  ): Promise<{ readonly code: ControlRefusal; readonly sentence: string } | undefined>
}

/** The part of the coordinator that answers need. */
type Office = Pick<Coordinator, 'term' | 'changeMap' | 'duties'>

/** @returns a function that stops answering */
export function answerOperators(options: OperatorOptions, office: Office): () => void {
  const { bus, cluster, report } = options
  const answers = new OperatorAnswers(options, office)
  const answer = ({ bytes, respond }: BusMessage, onlyStatus: boolean): void => {
    // Every node listens; whoever is not in office leaves the answer to the one who is.
    if (office.term === undefined) return
    const request = decodeRequest(bytes)
    if (request === undefined || (onlyStatus && request.type !== 'status')) {
      respond(encodeAnswer(refuse('invalid_request')))
      return
    }
    if (!onlyStatus) report?.('operator_request', { ...request })
    answers
      .to(request)
      .then((given) => respond(encodeAnswer(given)))
      .catch((error: unknown) => report?.('coordinator_trouble', { error }))
  }
  const stops = [
    bus.subscribe(controlSubject(cluster), (message) => {
      answer(message, false)
    }),
    bus.subscribe(statusSubject(cluster), (message) => {
      answer(message, true)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

class OperatorAnswers {
  private readonly options: OperatorOptions
  private readonly office: Office

  constructor(options: OperatorOptions, office: Office) {
    this.options = options
    this.office = office
  }

  async to(request: ControlRequest): Promise<ControlAnswer> {
    const { term } = this.office
    const { map } = this.options.store
    if (map === undefined || term === undefined) return refuse('no_coordinator')
    switch (request.type) {
      case 'status':
        return { ok: true, mapVersion: map.version, status: this.status(map, term) }
      case 'rebalance':
        return this.evenOut()
      case 'move':
        return this.decide((now) => this.move(now, request.shard, request.to))
      case 'drain':
        return this.decide((now) => this.drain(now, request.node))
      case 'undrain':
        return this.decide((now) => this.undrain(now, request.node))
      case 'finalise':
        return this.decide((now) => this.finalise(now, request.format))
      case 'set':
        return this.set(request)
      default:
        return assertNever(request)
    }
  }

  private async set(request: ControlRequest & { readonly type: 'set' }): Promise<ControlAnswer> {
    const { settings, store } = this.options
    if (settings === undefined) return refuse('invalid_request')
    const refused = await settings.set(request.name, request.value, request.by)
    if (refused !== undefined) return { ok: false, ...refused }
    return { ok: true, mapVersion: store.map?.version ?? 0 }
  }

  /** Decides on the map as it is when it is written. */
  private async decide(
    steps: (map: ShardMap) => readonly MapStep[] | ControlRefusal,
  ): Promise<ControlAnswer> {
    const seen: { refused?: ControlRefusal | undefined; wrote: boolean } = { wrote: false }
    const outcome = await this.office.changeMap((map) => {
      const result = steps(map)
      seen.refused = typeof result === 'string' ? result : undefined
      if (typeof result === 'string') return []
      seen.wrote ||= result.length > 0
      return result
    })
    const { refused, wrote } = seen
    // Refused after an own write whose outcome was unknown: that write has come through.
    if (refused !== undefined && !(wrote && doneAlready.has(refused))) return refuse(refused)
    if (outcome === 'given_up') return refuse(wrote ? 'outcome_unknown' : 'no_coordinator')
    return { ok: true, mapVersion: this.options.store.map?.version ?? 0 }
  }

  private move(map: ShardMap, shard: number, to: string): readonly MapStep[] | ControlRefusal {
    const member = this.member(to)
    if (typeof member === 'string') return member
    const place = map.shards[shard]
    if (place === undefined) return 'unknown_shard'
    if (place.owner === undefined) return 'no_owner'
    if (place.owner === member.id && place.next === undefined) return 'already_there'
    if (place.next === member.id) return []
    if (place.next !== undefined) return 'already_moving'
    const node = nodesOf(map, this.options.membership.view).find(({ id }) => id === member.id)
    if (node === undefined || node.draining) return 'node_not_up'
    return [{ type: 'begin_move', shard, to: member.id, pin: true }]
  }

  private member(idOrName: string): Member | ControlRefusal {
    const { view } = this.options.membership
    const found = view.find(idOrName)
    if (found !== undefined) return found
    return view.alive().some(({ name }) => name === idOrName) ? 'ambiguous_node' : 'unknown_node'
  }

  private async evenOut(): Promise<ControlAnswer> {
    const { duties } = this.office
    duties.rebalanceOnce()
    const answer = await this.decide((now) => this.rebalance(now))
    // A look at the map of before, while this one was being written, may have found nothing to do.
    if (answer.ok) duties.rebalanceOnce()
    return answer
  }

  /** Even nodes, whatever operators had pinned. */
  private rebalance(map: ShardMap): readonly MapStep[] {
    const pinned = [...map.shards.keys()].filter((shard) => map.shards[shard]?.pinned === true)
    const shards = map.shards.map((place) => ({ ...place, pinned: false }))
    return [
      ...pinned.map((shard): MapStep => ({ type: 'unpin', shard })),
      ...this.office.duties.steps({ ...map, shards }),
    ]
  }

  private drain(map: ShardMap, node: string): readonly MapStep[] | ControlRefusal {
    const member = this.member(node)
    if (typeof member === 'string') return member
    if (map.draining.includes(member.id)) return 'already_draining'
    const others = nodesOf(map, this.options.membership.view).filter(
      ({ id, draining }) => id !== member.id && !draining,
    )
    if (others.length === 0) return 'last_node'
    return [{ type: 'drain', member: member.id }]
  }

  private undrain(map: ShardMap, node: string): readonly MapStep[] | ControlRefusal {
    const member = this.member(node)
    if (typeof member === 'string') return member
    if (!map.draining.includes(member.id)) return 'not_draining'
    return [{ type: 'undrain', member: member.id }]
  }

  private finalise(map: ShardMap, format: number): readonly MapStep[] | ControlRefusal {
    if (format <= map.format) return 'format_not_newer'
    const alive = this.options.membership.view.alive()
    if (!alive.every((member) => readsFormat(member, format))) return 'format_unread'
    return [{ type: 'finalise', format }]
  }

  private status(map: ShardMap, term: number): ClusterStatus {
    const { env, membership } = this.options
    const now = env.clock.monotonic()
    return {
      coordinator: membership.id,
      term,
      mapVersion: map.version,
      format: map.format,
      evening: this.office.duties.evening,
      nodes: [...membership.view.all.values()].map(({ member, observedAt }) => ({
        id: member.id,
        name: member.name,
        slot: member.slot ?? null,
        state:
          member.state === 'up' && map.draining.includes(member.id) ? 'draining' : member.state,
        address: member.address,
        reads: member.reads,
        capacity: member.capacity,
        since: member.since,
        silentMs: Math.round(now - observedAt),
        shards: map.shards.filter(({ owner }) => owner === member.id).length,
      })),
      shards: map.shards.map(({ owner, next, ready, pinned }, shard) => {
        const told = owner === undefined ? undefined : membership.view.get(owner)?.shards.get(shard)
        return {
          shard,
          owner: owner ?? null,
          next: next ?? null,
          ready,
          pinned,
          ordinal: told?.ordinal ?? null,
          load: told?.load ?? null,
        }
      }),
    }
  }
}
