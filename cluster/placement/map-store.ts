/**
 * The shard map as one node knows it, and the only way to change it.
 *
 * P5. The map goes forward only: what is older than the known one is never taken, whoever tells it.
 * P6. A change is written on the very revision it was decided on. After a conflict, or when nobody
 *     knows what became of it, it is decided again from what the map is then.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { pause, within } from '../membership/within.js'
import { decodeMap, encodeMap, mapKey, MapBroken, type ShardMap } from './shard-map.js'

/** How a change ended: `nothing` when there was nothing (more) to decide. */
export type ChangeOutcome = 'changed' | 'nothing' | 'given_up'

export interface MapStoreOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  /** ms after which a write without a reply is settled by reading. */
  readonly attemptMs: number
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

export class MapStore {
  private readonly options: MapStoreOptions
  private known: ShardMap | undefined
  private knownRevision = 0
  private brokenRevision = 0
  private readonly listeners = new Set<(map: ShardMap) => void>()
  private stopWatch: (() => void) | undefined
  private lookingUp = false

  constructor(options: MapStoreOptions) {
    this.options = options
  }

  /** The newest map known here. */
  get map(): ShardMap | undefined {
    return this.known
  }

  start(): void {
    this.stopWatch ??= this.options.bucket.watch(mapKey, ({ key, value, revision }) => {
      if (key === mapKey && value !== undefined) this.observe(value, revision)
    })
  }

  stop(): void {
    this.stopWatch?.()
    this.stopWatch = undefined
  }

  onChange(listener: (map: ShardMap) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /**
   * Changes the map, or makes the first one.
   * @param decide the map as it should be, undefined when nothing is to be done; asked anew as often
   *   as the map turns out to be another
   * @param goOn asked before every write; false gives up
   */
  async change(
    decide: (map: ShardMap | undefined) => ShardMap | undefined,
    goOn: () => boolean,
  ): Promise<ChangeOutcome> {
    const { env, bucket, attemptMs } = this.options
    for (;;) {
      if (!goOn() || this.brokenRevision > this.knownRevision) return 'given_up'
      const revision = this.knownRevision
      const next = decide(this.known)
      if (next === undefined) return 'nothing'
      const result = await within(env, attemptMs, bucket.put(mapKey, encodeMap(next), revision))
      if (result?.outcome === 'appended') {
        this.accept(next, result.sequence)
        return 'changed'
      }
      await this.refresh()
      // A stale read, or no read at all: the watch may know more in a moment.
      if (this.knownRevision === revision)
        await pause(env, attemptMs * 0.1 * (1 + env.chance.next()))
    }
  }

  /** Somebody knows a newer map: asks for it without waiting for the watch. */
  lookUp(): void {
    if (this.lookingUp) return
    this.lookingUp = true
    void this.look()
  }

  /** Nobody waits for it: what NATS refuses is told, and the watch goes on. */
  private async look(): Promise<void> {
    try {
      await this.refresh()
    } catch (error) {
      this.options.report?.('map_trouble', { error: String(error) })
    }
    this.lookingUp = false
  }

  private async refresh(): Promise<void> {
    const { env, bucket, attemptMs } = this.options
    const entry = await within(env, attemptMs, bucket.get(mapKey))
    if (entry !== undefined) this.observe(entry.value, entry.revision)
  }

  private observe(value: Uint8Array, revision: number): void {
    if (revision <= this.knownRevision || revision === this.brokenRevision) return
    try {
      this.accept(decodeMap(value), revision)
    } catch (error) {
      if (!(error instanceof MapBroken)) throw error
      this.brokenRevision = Math.max(revision, this.brokenRevision)
      this.options.report?.(error.code, { sentence: error.message, revision })
    }
  }

  private accept(map: ShardMap, revision: number): void {
    if (revision <= this.knownRevision) return
    if (this.known !== undefined && map.version <= this.known.version) {
      this.brokenRevision = revision
      this.options.report?.('map_broken', {
        sentence: `The shard map went back from version ${this.known.version} to ${map.version}; it is not used.`,
        revision,
      })
      return
    }
    this.known = map
    this.knownRevision = revision
    for (const listener of [...this.listeners]) listener(map)
  }
}
