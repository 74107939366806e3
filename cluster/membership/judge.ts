/**
 * Declares members dead. Anybody may hold the judgement; the coordinator acts on it.
 *
 * D1. Somebody is dead when their entry stood still for lease and margin since it was OBSERVED here,
 *     while the judge's own renewals came through all that time, and the entry is then changed by
 *     compare-and-set on that very revision. So the lease has run out, and the id can renew no more.
 * D2. An owner without an entry gets a dead one, made by compare-and-set on nothing: an entry that is
 *     only not yet known here is a conflict, and one that was removed can't come back.
 * D3. Somebody whose process has ended is dead at once, and any node may write it that was told so by who saw
 *     the end, as a parent sees its child's. Of what was sent before the end a renewal may still come through:
 *     then it is written on that one.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { deadEntry, encodeMember, nodePrefix, type Member } from './member.js'
import type { Membership } from './membership.js'
import { isAlive } from './member-view.js'
import { silenceMs } from './settings.js'
import { pause, within } from './within.js'

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
    const sentences: Promise<unknown>[] = []
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

  /** Declares somebody dead whose process has ended for certain (D3); goes on until it stands there. */
  async bury(id: string, goOn: () => boolean): Promise<void> {
    const { env, membership, report } = this.options
    const { view, settings } = membership
    let asked = false
    while (goOn()) {
      const seen = view.all.get(id)
      // Who has no entry owns nothing.
      if (seen === undefined ? asked : !isAlive(seen.member)) return
      if (seen === undefined) asked = await this.lookUp(id)
      else if (await this.write({ ...seen.member, state: 'dead' }, seen.revision))
        report?.('member_ended', { id })
      if (!view.isDead(id)) await pause(env, settings.renewMs / 4)
    }
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

  /** @returns whether it came through */
  private async write(member: Member, revision: number): Promise<boolean> {
    const { env, bucket, membership, report } = this.options
    const key = nodePrefix + member.id
    const { attemptMs } = membership.settings
    const value = encodeMember(member)
    const result = await within(env, attemptMs, bucket.put(key, value, revision))
    if (result?.outcome === 'appended') {
      report?.('member_dead', { id: member.id })
      membership.view.observe(key, value, result.sequence)
      return true
    }
    await this.lookUp(member.id)
    return false
  }

  /** @returns whether the bucket answered */
  private async lookUp(id: string): Promise<boolean> {
    const { env, bucket, membership } = this.options
    const key = nodePrefix + id
    const read = bucket.get(key).then((entry) => ({ entry }))
    const answer = await within(env, membership.settings.attemptMs, read)
    const entry = answer?.entry
    if (entry !== undefined) membership.view.observe(key, entry.value, entry.revision)
    return answer !== undefined
  }
}
