/**
 * This node as a member of the cluster: it joins under a fresh id, renews its entry, tells what it
 * carries, watches the others, and learns when it has been declared dead.
 *
 * M1. An id lives once. Whoever lost theirs drops everything and joins under another.
 * M2. The lease is over before the entry says so: `leave` gives it up first, and only then writes.
 * M3. Whose wall clock is more than a step (`clockStepMsMax`) off that of NATS does not join: shard time
 *     would leap when it takes a shard, and holds expire. What NATS stamped on the entry tells.
 * M5. Who has known a bucket that went back is no member of it, under whatever id: it knows a later map and later
 *     entries than the others, and its watches pass over all that is new. It ends, and begins anew.
 */
import { clockOff, OpenRefused, type Env } from '../../runtime/index.js'
import { NatsRefused, type KeyBucket } from '../../transport/index.js'
import { LeasedKey } from './leased-key.js'
import {
  decodeMember,
  encodeMember,
  nodePrefix,
  type Member,
  type MemberFacts,
  type ShardReport,
} from './member.js'
import { isName } from './json.js'
import { MemberView } from './member-view.js'
import { leaseSettings, type LeaseSettings } from './settings.js'
import { claimSlot } from './slots.js'
import { ToldTrouble } from './told-trouble.js'
import { pause, within } from './within.js'

/** Readings of a clock no further apart say that it is right, give or take as much. */
const closeReadingsMs = 10_000

export interface MembershipOptions {
  readonly env: Env
  /** The bucket of the cluster. */
  readonly bucket: KeyBucket
  /** Name of the node, the same in every life: letters, digits, `-` and `_`. */
  readonly name: string
  readonly facts: MemberFacts
  readonly lease?: Partial<LeaseSettings> | undefined
  /** Told the id of each life, before anybody else can know it. */
  readonly lifeBegins?: ((id: string) => void) | undefined
  /** Why this node may hold no lease now; undefined when it may (M6). @default it always may */
  readonly hindrance?: (() => string | undefined) | undefined
  /** Told what an operator should know. */
  readonly report?: (event: string, detail: Record<string, unknown>) => void
  /** The bucket has gone back behind what this node wrote (M5): it can't be a member any more. */
  readonly onPast?: () => void
}

export class Membership {
  readonly settings: LeaseSettings
  readonly view: MemberView
  private readonly options: MembershipOptions
  private readonly troubles: ToldTrouble
  private facts: MemberFacts
  private key: LeasedKey | undefined
  private currentId = ''
  private slotHeld: number | undefined
  private wantsDrain = false
  private since = 0
  private stopWatch: (() => void) | undefined
  private joined = false
  /** Why NATS will never let this node in. */
  private refused: NatsRefused | undefined
  private closed = false
  private whyLeaseless = ''
  private readonly lostListeners = new Set<() => void>()

  /** @throws RangeError when the name or the times make no sense */
  constructor(options: MembershipOptions) {
    if (!isName(options.name) || options.name.includes('=') || options.name.length > 64) {
      throw new RangeError(
        `The name of a node has 1 to 64 letters, digits, "-" and "_"; "${options.name}" does not.`,
      )
    }
    this.options = options
    this.settings = leaseSettings(options.lease)
    this.facts = options.facts
    this.view = new MemberView(options.env.clock)
    this.troubles = new ToldTrouble(options.env.clock, options.report, 'membership')
  }

  /** Id of this life; '' before the first. */
  get id(): string {
    return this.currentId
  }

  get slot(): number | undefined {
    return this.slotHeld
  }

  /** Whether it has joined under its present id, and was not told otherwise. */
  get member(): boolean {
    return this.joined
  }

  /** Monotonic ms up to which this node may answer reads; −Infinity when it is no member. */
  get leaseUntil(): number {
    return this.joined ? (this.key?.leaseUntil ?? -Infinity) : -Infinity
  }

  /** Whether the lease holds now. */
  get valid(): boolean {
    return this.options.env.clock.monotonic() < this.leaseUntil
  }

  /** Why a lease that was held is over; undefined while one holds. */
  get leaseless(): string | undefined {
    return this.valid || this.whyLeaseless === '' ? undefined : this.whyLeaseless
  }

  /** @see LeasedKey.steadySince */
  get steadySince(): number {
    return this.joined ? (this.key?.steadySince ?? Infinity) : Infinity
  }

  /** Told when this id is dead: drop all shards, then {@link join} again. */
  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener)
    return () => this.lostListeners.delete(listener)
  }

  /**
   * Joins under a fresh id, and goes on trying until it worked or the membership is closed.
   * @throws NatsRefused what does not pass by itself, such as a missing permission; OpenRefused clock_off
   */
  async join(): Promise<void> {
    this.refused = undefined
    this.watch()
    while (!this.closed && !this.joined) {
      if (this.options.hindrance?.() !== undefined) {
        await pause(this.options.env, this.retryMs())
        continue
      }
      const key = this.begin()
      // A create whose reply was lost is found by asking again.
      while (this.current() === key && !key.over && !(await key.take(0))) {
        this.giveUpWhenRefused(key)
        await pause(this.options.env, this.retryMs())
      }
      await this.checkClock(key)
      await this.findSlot(key)
      this.giveUpWhenRefused(key)
      this.joined = this.key === key && !key.over && this.slotHeld !== undefined
    }
    this.key?.renewNow()
  }

  private giveUpWhenRefused(key: LeasedKey): void {
    if (this.refused === undefined) return
    key.stop()
    throw this.refused
  }

  private trouble(error: Error): void {
    if (error instanceof NatsRefused && !this.joined) this.refused = error
    this.troubles.met(error)
  }

  /** Asks for being rid of all shards; placement gives no more. */
  drain(): void {
    this.wantsDrain = true
    this.key?.renewNow()
  }

  /** Changes what others see; sent with the next renewal. */
  tell(facts: Partial<MemberFacts>): void {
    this.facts = { ...this.facts, ...facts }
  }

  tellShards(shards: ReadonlyMap<number, ShardReport>): void {
    this.tell({ shards })
  }

  /** Leaves for good: whatever it still owns goes to others at once. */
  async leave(): Promise<void> {
    const { key } = this
    const last = encodeMember({ ...this.entry(0), state: 'dead' })
    this.close()
    await key?.release(last)
  }

  /** Stops without a word, as a process that ends; others find out by its silence. */
  stop(): void {
    const { key } = this
    this.close()
    key?.stop()
  }

  private close(): void {
    this.closed = true
    this.joined = false
    this.key = undefined
    this.stopWatch?.()
    this.stopWatch = undefined
  }

  private watch(): void {
    this.stopWatch ??= this.options.bucket.watch(nodePrefix, ({ key, value, revision }) => {
      if (key === nodePrefix + this.currentId) this.key?.observe(value, revision)
      this.view.observe(key, value, revision)
    })
  }

  private begin(): LeasedKey {
    const { env, bucket, name } = this.options
    const id = `${name}=${nonceOf(env)}`
    this.currentId = id
    this.options.lifeBegins?.(id)
    this.slotHeld = undefined
    this.since = Math.max(0, Math.floor(env.clock.now()))
    const key = new LeasedKey({
      env,
      bucket,
      settings: this.settings,
      content: {
        key: nodePrefix + id,
        encode: (beat) => encodeMember(this.entry(beat)),
        beatOf: (value) => {
          const member = decodeMember(value)
          return member?.id === id && member.state !== 'dead' ? member.beat : undefined
        },
      },
      onLost: () => this.lose(key),
      onPast: () => this.end(key),
      onRenewed: () => this.troubles.over(),
      onTrouble: (error) => this.trouble(error),
      onLease: (holds, why) => {
        this.whyLeaseless = why
        this.options.report?.(holds ? 'lease_back' : 'lease_over', { id, why })
      },
      hindrance: this.options.hindrance,
    })
    this.key = key
    return key
  }

  /** @throws OpenRefused clock_off (M3) */
  private async checkClock(key: LeasedKey): Promise<void> {
    const { env, bucket } = this.options
    const { attemptMs } = this.settings
    while (this.current() === key && !key.over && this.refused === undefined) {
      try {
        const entry = await within(env, attemptMs, bucket.get(nodePrefix + this.currentId))
        if (entry !== undefined) {
          const off = clockOff(this.since, entry.created, env.clock.now())
          if (off === 0) return
          await key.release(encodeMember({ ...this.entry(0), state: 'dead' }))
          throw new OpenRefused('clock_off', clockSentence(off))
        }
      } catch (error) {
        if (error instanceof OpenRefused) throw error
        this.trouble(error as Error)
      }
      await pause(env, this.retryMs())
    }
  }

  /**
   * How far the wall clock is off that of NATS, by a renewal that is begun now.
   * @returns ms it is ahead, negative when behind; 0 when it is right within a step; undefined when nothing
   *   of that is certain
   */
  async clockOff(): Promise<number | undefined> {
    const { env, bucket } = this.options
    const { key, settings } = this
    if (!this.joined || key === undefined) return undefined
    const { lastBeat } = key
    const before = env.clock.now()
    const until = env.clock.monotonic() + settings.leaseMs
    key.renewNow()
    while (this.current() === key && env.clock.monotonic() < until) {
      await pause(env, this.retryMs())
      const asked = bucket.get(nodePrefix + this.currentId).catch(() => undefined)
      const entry = await within(env, settings.attemptMs, asked)
      if (entry === undefined || (decodeMember(entry.value)?.beat ?? 0) <= lastBeat) continue
      const after = env.clock.now()
      const off = clockOff(before, entry.created, after)
      // It says that a clock is right only when it was read twice within a moment.
      const close = before <= after && after - before <= closeReadingsMs
      return off !== 0 || close ? off : undefined
    }
    return undefined
  }

  private async findSlot(key: LeasedKey): Promise<void> {
    const { env, bucket } = this.options
    const { attemptMs } = this.settings
    const id = this.currentId
    while (this.key === key && !key.over && this.slotHeld === undefined) {
      let slot: number | undefined
      try {
        // Entries arrive in order: whoever has seen our own has seen all older ones, those of the dead too.
        if (this.view.get(id) !== undefined)
          slot = await claimSlot(env, bucket, id, (holder) => this.view.isDead(holder), attemptMs)
      } catch (error) {
        this.trouble(error as Error)
      }
      if (this.current() !== key || this.refused !== undefined) return
      if (slot === undefined) await pause(env, this.retryMs())
      else this.slotHeld = slot
    }
  }

  /** The key as it is now, which may not be the one that was there before an await. */
  private current(): LeasedKey | undefined {
    return this.key
  }

  /** M5 */
  private end(key: LeasedKey): void {
    if (this.key !== key) return
    this.close()
    this.options.onPast?.()
  }

  private lose(key: LeasedKey): void {
    if (this.key !== key) return
    const told = this.joined
    this.key = undefined
    this.joined = false
    this.options.report?.('membership_lost', { id: this.currentId })
    if (told) for (const listener of [...this.lostListeners]) listener()
  }

  private entry(beat: number): Member {
    const up = this.wantsDrain ? ('draining' as const) : ('up' as const)
    return {
      ...this.facts,
      id: this.currentId,
      name: this.options.name,
      slot: this.slotHeld,
      state: this.slotHeld === undefined ? 'joining' : up,
      since: this.since,
      beat,
    }
  }

  private retryMs(): number {
    return this.settings.renewMs * (0.25 + this.options.env.chance.next() * 0.5)
  }
}

/** What {@link clockOff} found, for people. */
export function clockSentence(offMs: number): string {
  const seconds = Math.round(Math.abs(offMs) / 1000)
  const where = offMs > 0 ? 'ahead of' : 'behind'
  return `The clock of this machine is ${seconds} s ${where} that of the NATS servers; set both by the same time service (NTP), then start again.`
}

/** 60 random bits, in the letters of keys. */
function nonceOf({ chance }: Env): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  return Array.from(chance.bytes(12), (byte) => letters.charAt(byte & 31)).join('')
}
