/**
 * A key that somebody holds as long as they keep changing it: taken and renewed by compare-and-set,
 * one attempt at a time. A member's entry and the coordinator's office are such keys.
 *
 * L1. A lease counts from the moment its renewal was SENT: whoever sees the key stand still for lease
 *     and margin, and then changes it by its revision, knows that the lease has run out.
 * L2. A renewal whose outcome is unknown is settled by what the key holds, read or watched. Reads may
 *     be stale: only a revision younger than the own one says anything.
 * L3. A younger revision that is not the holder's own ends the hold for good. It never comes back.
 * L4. A conflict says that the key does not hold the own revision, so that nothing is written on it until a read says
 *     that it does: a bucket that went back numbers others' changes with revisions that were given once. When nothing
 *     but older revisions is read for longer than a leader may be one of the past, the bucket has gone back.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { pause, within } from './within.js'
import type { LeaseSettings } from './settings.js'
import { steadyGapMs } from './settings.js'

/**
 * Reads of nothing but the past that say that the bucket went back: so many, over so many ms. A leader that has lost
 * its followers finds that out within 20 s; until then it answers with what it knew.
 */
const pastReadsMin = 20
const pastMsMin = 30_000

/** What a holder writes and how it knows its own. */
export interface LeasedContent {
  readonly key: string
  /** The value of a renewal; `beat` is in it. */
  encode(beat: number): Uint8Array
  /** The beat of a value that this holder wrote; undefined when another did. */
  beatOf(value: Uint8Array): number | undefined
}

export interface LeasedKeyOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  readonly settings: LeaseSettings
  readonly content: LeasedContent
  /** The hold has ended, and not by {@link LeasedKey.release}. */
  readonly onLost: () => void
  /** The bucket refuses for a reason that does not pass by itself. */
  readonly onTrouble: (error: Error) => void
  /** The lease has run out, since renewals do not come through for this reason; or it holds again. */
  readonly onLease?: (holds: boolean, why: string) => void
  /** Why it may not be renewed now; undefined when it may. @default it always may */
  readonly hindrance?: (() => string | undefined) | undefined
  /** A renewal came through. */
  readonly onRenewed?: () => void
  /** The bucket holds an older state than it once did (L4); the hold has ended. @default as `onLost` */
  readonly onPast?: () => void
}

export class LeasedKey {
  /** Monotonic ms up to which the lease holds; moved by successes only. */
  private until = -Infinity
  private revision = 0
  private beat = 0
  private held = false
  private ended = false
  /** When each attempt that is not settled was sent. */
  private readonly sent = new Map<number, number>()
  private lastSuccessSent = -Infinity
  private steadyFrom = Infinity
  /** True when it was told that the lease has run out. */
  private toldOver = false
  /** True while the key is known not to hold the own revision (L4). */
  private refuted = false
  private pastReads = 0
  /** Monotonic ms of the first of them. */
  private pastSince = 0
  private readonly options: LeasedKeyOptions

  constructor(options: LeasedKeyOptions) {
    this.options = options
  }

  /** Monotonic ms up to which the holder may act on its word. */
  get leaseUntil(): number {
    return this.held ? this.until : -Infinity
  }

  get valid(): boolean {
    return this.options.env.clock.monotonic() < this.leaseUntil
  }

  /**
   * Monotonic ms since which every renewal has come through without a pause; Infinity when one is
   * missing now. An observer may count another's silence only from here: in an outage all are silent.
   */
  get steadySince(): number {
    const { env, settings } = this.options
    const now = env.clock.monotonic()
    return this.valid && now - this.lastSuccessSent <= steadyGapMs(settings)
      ? this.steadyFrom
      : Infinity
  }

  /**
   * Takes the key when its revision is this one, 0 for a key that is not there, and renews it from
   * then on. @returns false when another was faster, or nobody knows: then ask again
   */
  async take(revision: number): Promise<boolean> {
    if (!this.held) this.revision = revision
    if (!this.held && !this.ended) await this.attempt()
    return this.held
  }

  /** Of the newest attempt: what bears a greater one was sent later. */
  get lastBeat(): number {
    return this.beat
  }

  /** Whether the hold has ended, or can't begin any more. */
  get over(): boolean {
    return this.ended
  }

  /** Feeds what a watch tells of the key. */
  observe(value: Uint8Array | undefined, revision: number): void {
    if (this.ended || revision <= this.revision) return
    const beat = value === undefined ? undefined : this.options.content.beatOf(value)
    if (beat !== undefined) {
      this.adopt(beat, revision)
      return
    }
    const lost = this.held
    this.stop()
    if (lost) this.options.onLost()
  }

  /** Renews at once, so that changed content is seen early. */
  renewNow(): void {
    this.hurry?.()
  }

  /** Gives the hold up: the lease ends here and now, whatever the key says. */
  stop(): void {
    this.ended = true
    this.held = false
    this.sent.clear()
    this.hurry?.()
  }

  /** Gives the hold up and leaves a last value. @returns whether it was certainly written */
  async release(value: Uint8Array | undefined): Promise<boolean> {
    const { env, bucket, settings, content } = this.options
    const { revision } = this
    if (!this.held) return false
    this.stop()
    const put =
      value === undefined
        ? bucket.remove(content.key, revision)
        : bucket.put(content.key, value, revision)
    return (await within(env, settings.attemptMs, put))?.outcome === 'appended'
  }

  private hurry: (() => void) | undefined

  private async renew(): Promise<void> {
    const { env, settings } = this.options
    while (!this.ended) {
      await Promise.race([
        pause(env, settings.renewMs),
        new Promise<void>((resolve) => {
          this.hurry = resolve
        }),
      ])
      this.hurry = undefined
      const why = this.options.hindrance?.()
      if (why !== undefined) this.missed(why)
      // stop() may have come between.
      else if (!this.isEnded()) await this.attempt()
    }
  }

  private isEnded(): boolean {
    return this.ended
  }

  private async attempt(): Promise<void> {
    try {
      if (this.refuted || !(await this.write())) await this.settle()
    } catch (error) {
      this.missed((error as Error).message)
      this.options.onTrouble(error as Error)
    }
  }

  /** Writes a renewal. @returns whether there is nothing to settle about it */
  private async write(): Promise<boolean> {
    const { env, bucket, settings, content } = this.options
    const beat = ++this.beat
    this.sent.set(beat, env.clock.monotonic())
    const put = bucket.put(content.key, content.encode(beat), this.revision)
    const result = await within(env, settings.attemptMs, put)
    if (this.isEnded()) return true
    if (result?.outcome === 'appended') {
      this.adopt(beat, result.sequence)
      return true
    }
    if (result?.outcome === 'conflict') this.refuted = this.held
    else this.missed(result?.reason ?? 'no answer in time')
    return false
  }

  /** Settles a renewal by reading (L2, L4). */
  private async settle(): Promise<void> {
    const { env, bucket, settings, content } = this.options
    const reading = bucket.get(content.key).then((entry) => ({ entry }))
    const read = await within(env, settings.attemptMs, reading)
    if (read === undefined || this.isEnded()) return
    const { entry } = read
    if (entry !== undefined) this.observe(entry.value, entry.revision)
    if ((entry?.revision ?? 0) >= this.revision) {
      this.refuted = false
      this.pastReads = 0
    } else if (this.refuted) this.seePast()
  }

  private seePast(): void {
    this.missed('the bucket holds an older entry than was written into it')
    const now = this.options.env.clock.monotonic()
    if (this.pastReads++ === 0) this.pastSince = now
    if (this.pastReads < pastReadsMin || now - this.pastSince < pastMsMin) return
    this.stop()
    const { onPast, onLost } = this.options
    if (onPast === undefined) onLost()
    else onPast()
  }

  private missed(why: string): void {
    if (!this.held || this.valid || this.toldOver) return
    this.toldOver = true
    this.options.onLease?.(false, why)
  }

  /** An attempt came through: the lease counts from when it was sent. */
  private adopt(beat: number, revision: number): void {
    if (revision <= this.revision) return
    this.revision = revision
    this.refuted = false
    this.pastReads = 0
    this.options.onRenewed?.()
    if (!this.held) {
      this.held = true
      void this.renew()
    }
    const sent = this.sent.get(beat)
    for (const known of this.sent.keys()) if (known <= beat) this.sent.delete(known)
    if (sent === undefined) return
    const { env, settings } = this.options
    const now = env.clock.monotonic()
    const gap = steadyGapMs(settings)
    if (now - sent > gap || sent - this.lastSuccessSent > gap) this.steadyFrom = now
    this.lastSuccessSent = Math.max(this.lastSuccessSent, sent)
    this.until = Math.max(this.until, sent + settings.leaseMs)
    if (!this.toldOver || !this.valid) return
    this.toldOver = false
    this.options.onLease?.(true, '')
  }
}
