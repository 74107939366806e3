/** A command's connection to a cluster: asks the coordinator, asks nodes how they are, and closes. */
import { userInfo, hostname } from 'node:os'
import { NatsRefused, unpack, type KeyBucket, type Nats } from '../../transport/index.js'
import {
  askCoordinator,
  type ClusterStatus,
  type ControlAnswer,
  type ControlRequest,
} from '../membership/control.js'
import { nodeSubject } from '../node/node-link.js'
import type { NodeVitals } from '../node/vitals.js'
import { natsOptions, type NatsWords } from './nats-options.js'
import { CommandFailed } from './problem.js'

const askTimeoutMs = 5_000
const vitalsTimeoutMs = 2_000

type Asked = ControlRequest extends infer R ? (R extends unknown ? Omit<R, 'by'> : never) : never

export class ClusterSession {
  readonly nats: Nats
  readonly cluster: string
  /** Who asks, for the record. */
  readonly by: string

  constructor(nats: Nats, cluster: string) {
    this.nats = nats
    this.cluster = cluster
    this.by = whoAsks()
  }

  /** Asks the coordinator. @throws CommandFailed with the code of a refusal */
  async ask(request: Asked): Promise<ControlAnswer & { readonly ok: true }> {
    const asked = { ...request, by: this.by } as ControlRequest
    const answer = await askCoordinator(this.nats.bus, this.cluster, asked, askTimeoutMs)
    if (answer.ok) return answer
    // Nobody answers where there is no cluster, or none of this name.
    if (answer.code === 'no_coordinator') await this.bucket()
    throw new CommandFailed(answer.code, answer.sentence)
  }

  /** What the cluster keeps of itself. @throws CommandFailed unknown_cluster; NatsUnreachable */
  async bucket(): Promise<KeyBucket> {
    try {
      // As it is: a command makes none.
      return await this.nats.bucket(`suanpan_${this.cluster}`, { replicas: 0 })
    } catch (error) {
      if (!(error instanceof NatsRefused) || error.code !== 'nats_missing') throw error
      throw new CommandFailed(
        'unknown_cluster',
        `There is no cluster "${this.cluster}" at these servers; check --cluster and --nats.`,
      )
    }
  }

  async status(): Promise<ClusterStatus> {
    const { status } = await this.ask({ type: 'status' })
    if (status === undefined) throw new CommandFailed('no_coordinator', 'No status was answered.')
    return status
  }

  /** How a node is; undefined when it does not answer in time, or can't. */
  async vitalsOf(node: string): Promise<NodeVitals | undefined> {
    const subject = nodeSubject(this.cluster, node, 'vitals')
    try {
      const bytes = await this.nats.bus.request(subject, new Uint8Array(0), vitalsTimeoutMs)
      const vitals = unpack(bytes) as NodeVitals | { readonly error: unknown }
      return 'error' in vitals ? undefined : vitals
    } catch {
      return undefined
    }
  }
}

/** Runs with a connection that is closed whatever happens. @throws NatsUnreachable, NatsRefused */
export async function withCluster<T>(
  words: NatsWords,
  run: (session: ClusterSession) => Promise<T>,
): Promise<T> {
  // Loaded here: commands for one node never need it.
  const { connectNats } = await import('../../transport/nats/index.js')
  const nats = await connectNats(natsOptions(words, 'suanpan command'))
  try {
    return await run(new ClusterSession(nats, words.cluster))
  } finally {
    await nats.close()
  }
}

/** `user@host`, for the record of who changed what. */
function whoAsks(): string {
  let user = 'unknown'
  try {
    user = userInfo().username
  } catch {
    // A user without an entry, as in many containers.
  }
  return `${user}@${hostname()}`.slice(0, 128)
}
