/**
 * The coordinator's office: who holds it decides where shards are. Every node is a candidate; the key
 * `coordinator` says who holds it, and for which term.
 *
 * O1. A term is held once. It is acted on only while its lease holds, counted from the sending of the
 *     renewal, and while the holder is a member with a valid lease of its own. Nobody else renews it.
 * O2. The office is taken when nobody has it, when it was laid down, when its holder is dead – whose own
 *     lease is over then, so that O1 keeps them from acting – or when its key stood still for lease and
 *     margin while this node's own renewals came through.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { fieldsOf, isWhole, toBytes } from './json.js'
import { LeasedKey } from './leased-key.js'
import type { Membership } from './membership.js'
import { silenceMs } from './settings.js'
import { ToldTrouble } from './told-trouble.js'

const officeKey = 'coordinator'

interface OfficeEntry {
  /** Id of the holder; '' when it was laid down. */
  readonly id: string
  readonly term: number
  readonly beat: number
}

export interface OfficeOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  readonly membership: Membership
  /** A term is younger than every term known from elsewhere, such as the map's. */
  readonly termKnown: () => number
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

export class Office {
  private readonly options: OfficeOptions
  private readonly troubles: ToldTrouble
  private key: LeasedKey | undefined
  private own: OfficeEntry | undefined
  private entry: OfficeEntry | undefined
  private revision = 0
  private observedAt = -Infinity
  private notBefore = -Infinity
  private trying = false
  private stopWatch: (() => void) | undefined

  constructor(options: OfficeOptions) {
    this.options = options
    this.troubles = new ToldTrouble(options.env.clock, options.report, 'office')
  }

  /** Term this node holds; undefined while it may not act on one. */
  get term(): number | undefined {
    const { membership } = this.options
    if (this.key?.valid !== true || !membership.valid || this.own?.id !== membership.id) {
      return undefined
    }
    return this.own.term
  }

  /** Id of whoever holds the office, as far as is known here. */
  get holder(): string | undefined {
    return this.entry?.id === '' ? undefined : this.entry?.id
  }

  start(): void {
    this.observedAt = this.options.env.clock.monotonic()
    this.stopWatch ??= this.options.bucket.watch(officeKey, ({ key, value, revision }) => {
      if (key === officeKey) this.observe(value, revision)
    })
  }

  /** Stops without a word. */
  stop(): void {
    this.stopWatch?.()
    this.stopWatch = undefined
    this.key?.stop()
    this.key = undefined
  }

  /** Lays the office down, so that another can take it at once. */
  async resign(): Promise<void> {
    const { key, own } = this
    this.stopWatch?.()
    this.stopWatch = undefined
    this.key = undefined
    if (own !== undefined) await key?.release(encode({ ...own, id: '' }))
  }

  /** Takes the office when it may be taken. To be called now and then. */
  async stand(): Promise<void> {
    const { env, membership } = this.options
    // The office of an earlier life is not this one's.
    if (this.own !== undefined && this.own.id !== membership.id) this.lose()
    if (this.trying || !this.mayTake()) return
    this.trying = true
    try {
      await this.take()
    } finally {
      this.trying = false
      this.notBefore = env.clock.monotonic() + membership.settings.renewMs * (1 + env.chance.next())
    }
  }

  private mayTake(): boolean {
    const { env, membership } = this.options
    const now = env.clock.monotonic()
    if (this.key !== undefined || !membership.valid || now < this.notBefore) return false
    const { holder } = this
    if (this.entry?.id === '' || (holder !== undefined && membership.view.isDead(holder)))
      return true
    // No entry may be no news yet; waiting as long costs a new cluster two seconds, once.
    if (this.entry === undefined && this.revision === 0) {
      return now - this.observedAt > membership.settings.renewMs
    }
    return now - Math.max(this.observedAt, membership.steadySince) > silenceMs(membership.settings)
  }

  private async take(): Promise<void> {
    const { env, bucket, membership, termKnown, report } = this.options
    const term = Math.max(this.entry?.term ?? 0, termKnown()) + 1
    const { id } = membership
    this.own = { id, term, beat: 0 }
    const key: LeasedKey = new LeasedKey({
      env,
      bucket,
      settings: membership.settings,
      content: {
        key: officeKey,
        encode: (beat) => encode({ id, term, beat }),
        beatOf: (value) => {
          const entry = decode(value)
          return entry?.id === id && entry.term === term ? entry.beat : undefined
        },
      },
      onLost: () => {
        if (this.key === key) this.lose()
      },
      onTrouble: (error) => this.troubles.met(error),
      onRenewed: () => this.troubles.over(),
      hindrance: () => (membership.valid ? undefined : 'the holder has no lease of its own'),
    })
    this.key = key
    const revision = this.entry === undefined ? 0 : this.revision
    if (await key.take(revision)) report?.('office_taken', { id, term })
    else if (this.key === key) this.lose()
  }

  private lose(): void {
    this.key?.stop()
    this.key = undefined
    this.own = undefined
  }

  private observe(value: Uint8Array | undefined, revision: number): void {
    if (revision <= this.revision) return
    this.revision = revision
    this.observedAt = this.options.env.clock.monotonic()
    this.entry = value === undefined ? undefined : (decode(value) ?? { id: '?', term: 0, beat: 0 })
    this.key?.observe(value, revision)
  }
}

function encode(entry: OfficeEntry): Uint8Array {
  return toBytes(entry)
}

function decode(value: Uint8Array): OfficeEntry | undefined {
  const fields = fieldsOf(value)
  if (fields === undefined) return undefined
  const { id, term, beat } = fields
  if (typeof id !== 'string' || !isWhole(term, 1) || !isWhole(beat, 0)) return undefined
  return { id, term, beat }
}
