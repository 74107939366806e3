/**
 * Watches who acts for a shard, at the moment they do: what comes right afterwards is wrong all the same.
 *
 * Z3. Nobody is declared dead whose lease holds by their own clock.
 * Z4. Nobody puts a fence into the journal of a shard they know to be another's.
 * Z5. An epoch of a shard has one writer.
 */
import { journalMessage, type SimulatedNatsService } from '../../runtime/simulation/index.js'
import { decodeMember, nodePrefix } from '../membership/member.js'
import { clusterName, type NodeLife } from './simulated-node.js'

export class OwnershipWatch {
  private readonly violation: (sentence: string) => void
  /** Who writes in an epoch of a shard. */
  private readonly writers = new Map<string, NodeLife>()

  /** @param lives those that are not over, at any time */
  constructor(
    service: SimulatedNatsService,
    lives: readonly NodeLife[],
    violation: (sentence: string) => void,
  ) {
    this.violation = violation
    service.bucket(`suanpan_${clusterName}`).listeners.add(({ key, value }) => {
      const member = value === undefined ? undefined : decodeMember(value)
      if (!key.startsWith(nodePrefix) || member?.state !== 'dead') return
      if (!lives.some((life) => life.holdsLease(member.id))) return
      violation(`early-death: ${member.id} is declared dead, and its lease holds`)
    })
  }

  /** A node sends a message to a stream. */
  appends(life: NodeLife, stream: string, bytes: Uint8Array): void {
    const message = stream.startsWith('SHARD_') ? journalMessage(bytes) : undefined
    if (message === undefined) return
    const { shard, epoch, isFence } = message
    if (isFence) this.fences(life, shard)
    else this.writes(life, `epoch ${epoch} of shard ${shard}`)
  }

  private fences(life: NodeLife, shard: number): void {
    if (!life.disowns(shard)) return
    this.violation(
      `needless-fence: ${life.name} fences shard ${shard}, which it knows to be another's`,
    )
  }

  private writes(life: NodeLife, epoch: string): void {
    const writer = this.writers.get(epoch) ?? life
    this.writers.set(epoch, writer)
    if (writer === life) return
    this.violation(`one-writer: ${writer.name} and ${life.name} write in ${epoch}`)
  }
}
