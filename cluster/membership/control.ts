/**
 * What operators ask of the coordinator, and how it answers: requests and answers as JSON on the bus
 * subject `sp.<cluster>.control`, checked on both sides, refused by code and sentence.
 */
import { NatsUnreachable, type Bus } from '../../transport/index.js'
import { fieldsOf, isFields, isName, isWhole, toBytes, type Fields } from './json.js'
import type { MemberState } from './member.js'

/** A request; `by` says who asks, and is written down. Nodes are named by id, or by name. */
export type ControlRequest = { readonly by: string } & (
  | { readonly type: 'status' }
  | { readonly type: 'move'; readonly shard: number; readonly to: string }
  | { readonly type: 'drain' | 'undrain'; readonly node: string }
  | { readonly type: 'rebalance' }
  | { readonly type: 'finalise'; readonly format: number }
  /** Without a value the setting goes back to its default. */
  | { readonly type: 'set'; readonly name: string; readonly value?: Settable }
)

/** What a setting can be; which of these, its definition says. */
export type Settable = string | number | boolean

/** Why a request was refused, in order of precedence. */
export const controlRefusals = {
  invalid_request: 'The request is not one of those there are; ask a command for its --help.',
  no_coordinator:
    'No coordinator answered; the cluster chooses one within seconds, so ask again, which does no harm where it was done. If that goes on, check that the nodes reach NATS.',
  unknown_node: 'No live node has this id or name; `nodes` lists them.',
  ambiguous_node: 'Several live nodes have this name; give the id of one, as `nodes` lists them.',
  unknown_shard: 'There is no such shard; `shards` lists them.',
  node_not_up: 'This node does not take shards: it is joining, draining, or reads another format.',
  no_owner: 'Nobody owns this shard yet; it is given out within seconds.',
  already_there: 'The shard is there already.',
  already_moving: 'The shard is on its way to another node; wait until it is there.',
  already_draining: 'This node is being drained already.',
  not_draining: 'This node is not being drained by an operator.',
  last_node: 'No other node could take its shards; start one first.',
  format_not_newer: 'The cluster writes this format, or a newer one, already.',
  format_unread: 'Not every live node reads this format; upgrade them first.',
  unknown_setting: 'There is no setting of this name; `config get` lists them.',
  invalid_setting: 'The setting can not be this; `config get` says what it is.',
  outcome_unknown: 'It could not be settled whether this was done; look at `status` and ask again.',
} as const

export type ControlRefusal = keyof typeof controlRefusals

/** Refusals that say that what was asked is so already. */
export const doneAlready: ReadonlySet<ControlRefusal> = new Set([
  'already_there',
  'already_draining',
  'not_draining',
  'format_not_newer',
])

export interface NodeStatus {
  readonly id: string
  readonly name: string
  readonly slot: number | null
  readonly state: MemberState
  readonly address: string
  readonly reads: readonly [number, number]
  readonly capacity: number
  readonly since: number
  /** ms since the coordinator last saw a renewal. */
  readonly silentMs: number
  readonly shards: number
}

export interface ShardStatus {
  readonly shard: number
  readonly owner: string | null
  readonly next: string | null
  readonly ready: boolean
  /** An operator put it there: balance leaves it. */
  readonly pinned: boolean
  /** Newest durable ordinal its owner told; null when it did not. */
  readonly ordinal: number | null
  readonly load: number | null
}

export interface ClusterStatus {
  readonly coordinator: string
  readonly term: number
  readonly mapVersion: number
  readonly format: number
  /** It is evening nodes out because an operator asked; coordinators of before do not say. */
  readonly evening?: boolean
  /** Why no coordinator is in office, in a sentence, where the status is told by others; `coordinator` is '' then. */
  readonly trouble?: string
  readonly nodes: readonly NodeStatus[]
  readonly shards: readonly ShardStatus[]
}

export type ControlAnswer =
  | { readonly ok: true; readonly status?: ClusterStatus; readonly mapVersion: number }
  | { readonly ok: false; readonly code: ControlRefusal; readonly sentence: string }

export function controlSubject(cluster: string): string {
  return `sp.${cluster}.control`
}

/** Where only the status is told: observers may ask here. */
export function statusSubject(cluster: string): string {
  return `sp.${cluster}.status`
}

export function refuse(code: ControlRefusal): ControlAnswer & { readonly ok: false } {
  return { ok: false, code, sentence: controlRefusals[code] }
}

/**
 * Asks the coordinator. Every request may be asked again: what is done already is said to be.
 * @returns the refusal `no_coordinator` when nobody answers in time
 */
export async function askCoordinator(
  bus: Bus,
  cluster: string,
  request: ControlRequest,
  timeoutMs: number,
): Promise<ControlAnswer> {
  try {
    const subject = request.type === 'status' ? statusSubject(cluster) : controlSubject(cluster)
    const bytes = await bus.request(subject, encodeRequest(request), timeoutMs)
    return decodeAnswer(bytes) ?? refuse('outcome_unknown')
  } catch (error) {
    if (error instanceof NatsUnreachable) return refuse('no_coordinator')
    throw error
  }
}

export function encodeRequest(request: ControlRequest): Uint8Array {
  return toBytes(request)
}

/** @returns undefined when the bytes are no request */
export function decodeRequest(bytes: Uint8Array): ControlRequest | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined) return undefined
  const { by } = fields
  if (typeof by !== 'string' || by.length < 1 || by.length > 128) return undefined
  return requestOf(fields, by)
}

function requestOf(fields: Fields, by: string): ControlRequest | undefined {
  const { type, shard, to, node, format, name, value } = fields
  switch (type) {
    case 'status':
    case 'rebalance':
      return { type, by }
    case 'move':
      return isWhole(shard, 0) && isAsked(to) ? { type, shard, to, by } : undefined
    case 'drain':
    case 'undrain':
      return isAsked(node) ? { type, node, by } : undefined
    case 'finalise':
      return isWhole(format, 1) ? { type, format, by } : undefined
    case 'set':
      if (!isAsked(name)) return undefined
      if (value === undefined) return { type, name, by }
      return isSettable(value) ? { type, name, value, by } : undefined
    default:
      return undefined
  }
}

/** What somebody may have typed for a node or a setting: whether there is one is not decided here. */
function isAsked(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 128
}

function isSettable(value: unknown): value is Settable {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

export function encodeAnswer(answer: ControlAnswer): Uint8Array {
  return toBytes(answer)
}

/** @returns undefined when the bytes are no answer */
export function decodeAnswer(bytes: Uint8Array): ControlAnswer | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined) return undefined
  const { ok, code, sentence, mapVersion, status } = fields
  if (ok === false) {
    if (typeof code !== 'string' || typeof sentence !== 'string') return undefined
    // A code of newer code is told by its sentence.
    const known = Object.hasOwn(controlRefusals, code) ? (code as ControlRefusal) : undefined
    return { ok, code: known ?? 'invalid_request', sentence }
  }
  if (ok !== true || !isWhole(mapVersion, 0)) return undefined
  if (status === undefined) return { ok, mapVersion }
  return isStatus(status) ? { ok, mapVersion, status } : undefined
}

/** The sender is the coordinator of the same cluster: the shape is checked, its details are trusted. */
function isStatus(value: unknown): value is ClusterStatus {
  if (!isFields(value)) return false
  const { coordinator, term, nodes, shards } = value
  return (
    typeof coordinator === 'string' &&
    isWhole(term, 1) &&
    Array.isArray(nodes) &&
    nodes.every((node) => isFields(node) && isName(node['id']) && isName(node['name'])) &&
    Array.isArray(shards) &&
    shards.every((shard) => isFields(shard) && isWhole(shard['shard'], 0))
  )
}
