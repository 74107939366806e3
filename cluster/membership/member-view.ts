/**
 * The list of members as one node sees it: what the watch told, and when, by its own clock.
 *
 * V1. An entry is as old as its first sight here: telling it again makes it no younger.
 * V2. Nothing older than what is known is ever taken, removals included.
 * V3. How far a shard's journal was durable is never forgotten: whoever told it may have lost the shard since,
 *     and a journal that ends before that must not be served.
 */
import type { Clock } from '../../runtime/index.js'
import { deadEntry, decodeMember, nodePrefix, type Member } from './member.js'

/** A member, and since when it looks so. */
export interface ObservedMember {
  readonly member: Member
  /** Revision of its entry. */
  readonly revision: number
  /** Monotonic ms when this revision was first seen here. */
  readonly observedAt: number
}

export class MemberView {
  private readonly clock: Clock
  private readonly seen = new Map<string, ObservedMember>()
  private readonly revisions = new Map<string, number>()
  /** By shard: the newest durable ordinal ever told (V3). */
  private readonly ordinals = new Map<number, number>()
  private readonly listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Members by id, the dead among them until their entries are swept away. */
  get all(): ReadonlyMap<string, ObservedMember> {
    return this.seen
  }

  get(id: string): Member | undefined {
    return this.seen.get(id)?.member
  }

  /** A member that is not dead, by its id or, when only one has it, by its name. */
  find(idOrName: string): Member | undefined {
    return meantAmong(this.alive(), idOrName)
  }

  alive(): Member[] {
    return [...this.seen.values()].map(({ member }) => member).filter(isAlive)
  }

  isAlive(id: string): boolean {
    const member = this.get(id)
    return member !== undefined && isAlive(member)
  }

  isDead(id: string): boolean {
    return this.seen.get(id)?.member.state === 'dead'
  }

  /** The newest durable ordinal of a shard that anybody ever told of, the dead too; 0 when nobody did. */
  ordinalOf(shard: number): number {
    return this.ordinals.get(shard) ?? 0
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Takes what a watch or a read tells of a member's key. */
  observe(key: string, value: Uint8Array | undefined, revision: number): void {
    const id = key.slice(nodePrefix.length)
    if (revision <= (this.revisions.get(id) ?? 0)) return
    this.revisions.set(id, revision)
    if (value === undefined) this.seen.delete(id)
    else {
      const decoded = decodeMember(value)
      // An entry nobody can read belongs to nobody: it falls silent and is declared dead.
      const member =
        decoded?.id === id ? decoded : { ...deadEntry(id, 0), state: 'joining' as const }
      this.seen.set(id, { member, revision, observedAt: this.clock.monotonic() })
      for (const [shard, { ordinal }] of member.shards)
        if (ordinal > this.ordinalOf(shard)) this.ordinals.set(shard, ordinal)
    }
    for (const listener of [...this.listeners]) listener()
  }
}

/** The one somebody means by an id or, when only one has it, a name. */
export function meantAmong<Node extends { readonly id: string; readonly name: string }>(
  nodes: readonly Node[],
  idOrName: string,
): Node | undefined {
  const named = nodes.filter(({ name }) => name === idOrName)
  return nodes.find(({ id }) => id === idOrName) ?? (named.length === 1 ? named[0] : undefined)
}

export function isAlive(member: Member): boolean {
  return member.state !== 'dead'
}
