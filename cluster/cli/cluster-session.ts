/**
 * A command's connection to a cluster: asks the coordinator, asks nodes how they are, and closes.
 *
 * CS1. A coordinator that dies holds a command up and does not end it: another is in office within three seconds,
 *      and is asked the same. What is so already by then, the one before has done.
 * CS2. Who looks is shown what is known though nobody is in office, and told what hinders that (`uncoordinated.ts`).
 */
import { userInfo, hostname } from 'node:os'
import { NatsRefused, unpack, type KeyBucket, type Nats } from '../../transport/index.js'
import {
  askCoordinator,
  doneAlready,
  type ClusterStatus,
  type ControlAnswer,
  type ControlRefusal,
  type ControlRequest,
} from '../membership/control.js'
import { nodeSubject } from '../node/node-link.js'
import type { NodeVitals } from '../node/vitals.js'
import { natsOptions, type NatsWords } from './nats-options.js'
import { CommandFailed } from './problem.js'
import { uncoordinatedStatus } from './uncoordinated.js'

/** Nobody answers for a dead coordinator: it is asked so often, each time for so long, after a pause. */
const asksMax = 4
const askMs = 2_000
const askPauseMs = 250
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

  /**
   * Asks the coordinator (CS1).
   * @param so a refusal that says what was wanted
   * @throws CommandFailed with the code of any other refusal
   */
  async ask(request: Asked, so?: ControlRefusal): Promise<ControlAnswer & { readonly ok: true }> {
    const asked = { ...request, by: this.by } as ControlRequest
    for (let asks = 1; ; asks++) {
      const answer = await askCoordinator(this.nats.bus, this.cluster, asked, askMs)
      if (answer.ok) return answer
      const { code, sentence } = answer
      if (code === so || (asks > 1 && doneAlready.has(code))) {
        return { ok: true, mapVersion: (await this.status()).mapVersion }
      }
      if (code !== 'no_coordinator') throw new CommandFailed(code, sentence)
      // Nobody answers where there is no cluster, or none of this name.
      if (asks === 1) await this.bucket()
      if (asks === asksMax) throw new CommandFailed(code, sentence)
      await new Promise((resolve) => setTimeout(resolve, askPauseMs))
    }
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

  /**
   * The status, or what is known of it where nobody is in office (CS2).
   * @throws CommandFailed no_coordinator when no node answers either
   */
  async seen(): Promise<ClusterStatus> {
    try {
      return await this.status()
    } catch (error) {
      if (!(error instanceof CommandFailed) || error.code !== 'no_coordinator') throw error
      const known = await uncoordinatedStatus(this)
      if (known === undefined) throw error
      return known
    }
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

/** Fails where nobody is in office, once what is known was shown. @throws CommandFailed no_coordinator */
export function checkCoordinated({ trouble }: ClusterStatus): void {
  if (trouble !== undefined) throw new CommandFailed('no_coordinator', trouble)
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
