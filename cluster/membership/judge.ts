/**
 * Declares members dead. Anybody may hold the judgement; the coordinator acts on it.
 *
 * D1. Somebody is dead when their entry stood still for lease and margin since it was OBSERVED here,
 *     while the judge's own renewals came through all that time, and the entry is then changed by
 *     compare-and-set on that very revision. So the lease has run out, and the id can renew no more.
 * D2. An owner without an entry gets a dead one, made by compare-and-set on nothing: an entry that is
 *     only not yet known here is a conflict, and one that was removed can't come back.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { deadEntry, encodeMember, nodePrefix, type Member } from './member.js'
import type { Membership } from './membership.js'
import { isAlive } from './member-view.js'
import { silenceMs } from './settings.js'
import { within } from './within.js'

export interface JudgeOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  readonly membership: Membership
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

export class Judge {
  private readonly options: JudgeOptions
  /** Monotonic ms since which an owner has had no entry. */
  private readonly missing = new Map<string, number>()

  constructor(options: JudgeOptions) {
    this.options = options
  }

  /** Declares dead whoever is. @param owners ids the shard map speaks of */
  async judge(owners: ReadonlySet<string>, goOn: () => boolean): Promise<void> {
    const { membership, report } = this.options
    const sentences: Promise<void>[] = []
    for (const { member, revision, observedAt } of membership.view.all.values()) {
      if (!isAlive(member) || member.id === membership.id || !this.silent(observedAt)) continue
      report?.('member_silent', { id: member.id })
      if (goOn()) sentences.push(this.write({ ...member, state: 'dead' }, revision))
    }
    for (const id of this.missed(owners)) {
      if (goOn()) sentences.push(this.write(deadEntry(id, 0), 0))
    }
    await Promise.all(sentences)
  }

  /** Whether something that stood still since then is silent, as far as this node may say. */
  private silent(since: number): boolean {
    const { env, membership } = this.options
    const now = env.clock.monotonic()
    return now - Math.max(since, membership.steadySince) > silenceMs(membership.settings)
  }

  /** Owners that have had no entry for so long that they are dead. */
  private missed(owners: ReadonlySet<string>): string[] {
    const { env, membership } = this.options
    for (const id of this.missing.keys()) {
      if (!owners.has(id) || membership.view.get(id) !== undefined) this.missing.delete(id)
    }
    for (const id of owners) {
      if (membership.view.get(id) !== undefined || this.missing.has(id)) continue
      this.missing.set(id, env.clock.monotonic())
    }
    return [...this.missing].filter(([, since]) => this.silent(since)).map(([id]) => id)
  }

  private async write(member: Member, revision: number): Promise<void> {
    const { env, bucket, membership, report } = this.options
    const key = nodePrefix + member.id
    const { attemptMs } = membership.settings
    const value = encodeMember(member)
    const result = await within(env, attemptMs, bucket.put(key, value, revision))
    if (result?.outcome === 'appended') {
      report?.('member_dead', { id: member.id })
      membership.view.observe(key, value, result.sequence)
      return
    }
    const entry = await within(env, attemptMs, bucket.get(key))
    if (entry !== undefined) membership.view.observe(key, entry.value, entry.revision)
  }
}
