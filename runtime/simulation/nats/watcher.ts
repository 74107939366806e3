/**
 * One watch of a simulated bucket: the newest change of every key first, then each change, in the
 * order of revisions, sometimes late; what was missed while cut off is told after the reconnect.
 *
 * Y6. No revision is told twice, none after a younger one. A missed change that its key's history
 *     no longer holds is skipped; the newest of a key never is.
 */
import type { KeyChange } from '../../../transport/index.js'
import type { SimulatedNats } from './connection.js'
import type { KeptBucket } from './kept.js'

export class Watcher {
  private readonly nats: SimulatedNats
  private readonly bucket: KeptBucket
  private readonly prefix: string
  private readonly onChange: (change: KeyChange) => void
  /** Revision up to which everything was told. */
  private told = 0
  private lastArrival = 0
  private stopped = false
  /** Grows with every reconnect: what was on its way before is told anew, in order. */
  private generation = 0
  /** True once the present values were asked for. */
  private begun = false

  constructor(
    nats: SimulatedNats,
    bucket: KeptBucket,
    prefix: string,
    onChange: (change: KeyChange) => void,
  ) {
    this.nats = nats
    this.bucket = bucket
    this.prefix = prefix
    this.onChange = onChange
    nats.watchers.add(this)
    bucket.listeners.add(this.changed)
    this.begin()
  }

  stop(): void {
    this.stopped = true
    this.nats.watchers.delete(this)
    this.bucket.listeners.delete(this.changed)
  }

  /** The connection is back. */
  reconnected(): void {
    this.generation++
    if (!this.begun) {
      this.begin()
      return
    }
    for (const change of this.bucket.after(this.prefix, this.told)) {
      this.nats.world.counts.add('nats_missed_watch')
      this.later(change)
    }
  }

  private begin(): void {
    if (!this.nats.hears) return
    this.begun = true
    for (const change of this.bucket.newest(this.prefix)) this.later(change)
  }

  private readonly changed = (change: KeyChange): void => {
    if (!this.begun || !this.nats.hears) return
    if (change.key.startsWith(this.prefix)) this.later(change)
  }

  private later(change: KeyChange): void {
    const { kernel, random, weather, counts } = this.nats.world
    let latency = random.exponential(weather.latencyMs) * 2
    if (random.chance(weather.lateWatch)) {
      counts.add('nats_late_watch')
      latency += random.exponential(500)
    }
    this.lastArrival = Math.max(this.lastArrival, kernel.now + latency)
    const { generation } = this
    kernel.at(
      this.lastArrival,
      () => {
        if (this.stopped || !this.nats.hears || generation !== this.generation) return
        // Of a bucket that went back.
        if (change.revision <= this.told) return
        this.told = change.revision
        this.onChange(change)
      },
      this.nats.owner,
    )
  }
}
