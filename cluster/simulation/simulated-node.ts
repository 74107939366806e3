/**
 * One life of a node in a simulation: a process that runs a real `ClusterNode` over connections to the
 * simulated NATS, from its join to its death.
 */
import type { Address, Answered, CommandOptions } from '../../runtime/index.js'
import type {
  Asked,
  SimulatedNatsService,
  SimulatedProcess,
} from '../../runtime/simulation/index.js'
import type { Nats } from '../../transport/index.js'
import { ClusterNode, type ClusterNodeOptions } from '../node/cluster-node.js'

/** The simulated cluster's name. */
export const clusterName = 'sim'

/** Connections of a node, in the order they are made. */
export const connections = { journals: 0, control: 1 } as const

export type LifeOptions = Pick<
  ClusterNodeOptions,
  | 'actors'
  | 'shards'
  | 'settings'
  | 'idempotencyRetentionMs'
  | 'mailboxMessages'
  | 'requestTimeoutMs'
  | 'snapshotJournalBytes'
  | 'snapshotChunkBytes'
  | 'lease'
>

export interface LifeListener {
  report(event: string, detail: Record<string, unknown>): void
  /** It sends a message to a stream. */
  appends(stream: string, bytes: Uint8Array): void
  /** The node itself says that a rule was broken, or could not join. */
  failed(error: unknown): void
}

export class NodeLife implements Asked {
  readonly process: SimulatedProcess
  readonly name: string
  /** Undefined until it has joined. */
  node: ClusterNode | undefined
  /** True while clients may be sent here. */
  open = false
  /** True once it is on its way out in good order. */
  leaving = false
  private readonly nats: Nats
  private readonly control: Nats
  private readonly options: LifeOptions
  private readonly listener: LifeListener

  constructor(
    name: string,
    process: SimulatedProcess,
    service: SimulatedNatsService,
    options: LifeOptions,
    listener: LifeListener,
  ) {
    this.name = name
    this.process = process
    this.nats = this.watched(service.connect(process))
    this.control = service.connect(process)
    this.options = options
    this.listener = listener
  }

  /** Shows what it sends to streams. */
  private watched(nats: Nats): Nats {
    const stream = nats.stream.bind(nats)
    nats.stream = async (name, settings) => {
      const log = await stream(name, settings)
      return {
        ...log,
        append: (bytes, after) => {
          this.listener.appends(name, bytes)
          return log.append(bytes, after)
        },
      }
    }
    return nats
  }

  readonly client: Asked['client'] = {
    command: (address: Address, name: string, input: unknown, options: CommandOptions) =>
      this.joined().client.command(address, name, input, options),
    query: async (address: Address, name: string, input: unknown): Promise<Answered<unknown>> => ({
      value: await this.joined().client.query(address, name, input),
      replayed: false,
    }),
  }

  async start(): Promise<void> {
    const { name, nats, control, options, listener } = this
    try {
      this.node = await ClusterNode.join(this.process.env, {
        ...options,
        cluster: clusterName,
        name,
        nats,
        control,
        replicas: 3,
        report: (event, detail) => {
          listener.report(event, detail)
        },
        fail: (error) => {
          listener.failed(error)
        },
      })
      this.open = true
    } catch (error) {
      if (this.process.alive) listener.failed(error)
    }
  }

  /** Empties itself and leaves, as a process that is asked to end. */
  async leave(): Promise<void> {
    const { node } = this
    if (node === undefined || this.leaving) return
    this.leaving = true
    this.open = false
    await node.drain()
    await node.leave()
    await Promise.all([this.nats.close(), this.control.close()])
  }

  /** Whether a read of this shard would be answered here now. */
  answers(shard: number): boolean {
    const { node, process } = this
    return process.alive && node !== undefined && node.membership.valid && node.serves(shard)
  }

  /** Whether it holds, by its own clock, a lease under this id. */
  holdsLease(id: string): boolean {
    const { node, process } = this
    return process.alive && node?.membership.id === id && node.membership.valid
  }

  /** Whether it knows that a shard is not its own. */
  disowns(shard: number): boolean {
    const { node } = this
    return node !== undefined && node.owners[shard] !== node.membership.id
  }

  /** What it believes, for a reader of a trace. */
  get belief(): string {
    const { node, name } = this
    if (node === undefined) return `${name}: has not joined`
    const { membership, shards, owners, assignments, ready } = node
    const { valid, id } = membership
    return `${name}: ${JSON.stringify({ id, valid, ready, shards, owners, version: assignments.version })}`
  }

  private joined(): ClusterNode {
    if (this.node === undefined) throw new Error('A node is asked before it has joined.')
    return this.node
  }
}
