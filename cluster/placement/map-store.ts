/**
 * The shard map as one node knows it, and the only way to change it.
 *
 * P5. The map goes forward only: what is older than the known one is never taken, whoever tells it.
 * P6. A change is written on the very revision it was decided on. After a conflict, or when nobody
 *     knows what became of it, it is decided again from what the map is then.
 * P8. A map that was removed, or written over by what is none or by an older one, is put back as it was, by the
 *     coordinator, from what the bucket keeps of the key: the newest map that was ever written, as a later version.
 *     From anything else none is made up while nodes serve, who would go on by the map they know. One that newer code
 *     wrote is left alone.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket, KeyEntry } from '../../transport/index.js'
import { ToldTrouble } from '../membership/told-trouble.js'
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

/** Reads that find no map, one after the other, until it counts as lost: one alone may be old. */
const emptyReadsMax = 10

export class MapStore {
  private readonly options: MapStoreOptions
  private known: ShardMap | undefined
  private knownRevision = 0
  private brokenRevision = 0
  /** Of the newest map that only newer code can read. */
  private newerRevision = 0
  /** Of the newest removal. */
  private lostRevision = 0
  /** The known revision whose loss was told. */
  private toldLost = -1
  private readonly listeners = new Set<(map: ShardMap) => void>()
  private stopWatch: (() => void) | undefined
  private lookingUp = false
  private readonly troubles: ToldTrouble

  constructor(options: MapStoreOptions) {
    this.options = options
    this.troubles = new ToldTrouble(options.env.clock, options.report, 'map')
  }

  /** The newest map known here. */
  get map(): ShardMap | undefined {
    return this.known
  }

  start(): void {
    this.stopWatch ??= this.options.bucket.watch(mapKey, ({ key, value, revision }) => {
      if (key !== mapKey) return
      if (value !== undefined) this.observe(value, revision)
      else this.lose(revision)
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
    let empty = 0
    for (;;) {
      if (!goOn() || this.isLost || this.brokenRevision > this.knownRevision) return 'given_up'
      const revision = this.knownRevision
      const next = decide(this.known)
      if (next === undefined) return 'nothing'
      const result = await within(env, attemptMs, bucket.put(mapKey, encodeMap(next), revision))
      if (result?.outcome === 'appended') {
        this.accept(next, result.sequence)
        return 'changed'
      }
      if (await this.find()) empty = 0
      else if (this.known !== undefined && ++empty >= emptyReadsMax) {
        this.tellLost()
        return 'given_up'
      }
      // A stale read, or no read at all: the watch may know more in a moment.
      if (this.knownRevision === revision)
        await pause(env, attemptMs * 0.1 * (1 + env.chance.next()))
    }
  }

  /** True when the map was removed from the bucket. */
  get isLost(): boolean {
    return this.lostRevision > this.knownRevision
  }

  /** True when what stands in its place is to be replaced by the map that was there before. */
  get isToRestore(): boolean {
    const { knownRevision, newerRevision } = this
    return newerRevision <= knownRevision && this.strayRevision > knownRevision
  }

  /** Of the newest change that left no map behind that is used. */
  private get strayRevision(): number {
    return Math.max(this.lostRevision, this.brokenRevision)
  }

  /**
   * Puts a map back that was removed, or written over (P8).
   * @param goOn asked before it is written
   */
  async restore(goOn: () => boolean): Promise<void> {
    const { env, bucket, attemptMs, report } = this.options
    const entries = await within(env, attemptMs, bucket.history(mapKey))
    const stray = this.strayRevision
    if (entries === undefined || entries.some(({ revision }) => revision > stray)) return
    const kept = newestMap(entries)
    if (kept === undefined) return
    // It may be newer than what is known here.
    this.observe(kept.value, kept.revision)
    if (this.known === undefined || this.knownRevision !== kept.revision || !goOn()) return
    const next = { ...this.known, version: this.known.version + 1 }
    const on = this.lostRevision === stray ? 0 : stray
    const result = await within(env, attemptMs, bucket.put(mapKey, encodeMap(next), on))
    if (result?.outcome !== 'appended') return
    this.accept(next, result.sequence)
    report?.('map_restored', { version: next.version })
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
      await this.find()
      this.troubles.over()
    } catch (error) {
      this.troubles.met(error)
    }
    this.lookingUp = false
  }

  /** Asks for the map. @returns false when the bucket says that there is none, which may be old news */
  async find(): Promise<boolean> {
    const { env, bucket, attemptMs } = this.options
    const reading = bucket.get(mapKey).then((entry) => ({ entry }))
    const read = await within(env, attemptMs, reading)
    if (read === undefined) return true
    const { entry } = read
    if (entry !== undefined) this.observe(entry.value, entry.revision)
    return entry !== undefined
  }

  private lose(revision: number): void {
    this.lostRevision = Math.max(revision, this.lostRevision)
    if (this.isLost) this.tellLost()
  }

  /** Tells, once, that there is no map any more. */
  tellLost(): void {
    if (this.toldLost === this.knownRevision) return
    this.toldLost = this.knownRevision
    this.options.report?.('map_lost', {
      sentence: `The shard map was removed from the bucket (key "${mapKey}"). Shards stay where they are, and no node takes over for another, until the coordinator has put it back from the history of the key, which takes a moment. Should it go on, stop all nodes, then start them: they make a new map.`,
    })
  }

  private observe(value: Uint8Array, revision: number): void {
    if (revision <= this.knownRevision || revision === this.brokenRevision) return
    try {
      this.accept(decodeMap(value), revision)
    } catch (error) {
      if (!(error instanceof MapBroken)) throw error
      this.brokenRevision = Math.max(revision, this.brokenRevision)
      if (error.code === 'map_newer') this.newerRevision = this.brokenRevision
      this.options.report?.(error.code, { sentence: error.message, revision })
    }
  }

  private accept(map: ShardMap, revision: number): void {
    if (revision <= this.knownRevision) return
    if (this.known !== undefined && map.version <= this.known.version) {
      if (isSame(map, this.known)) {
        // Somebody has put it back.
        this.knownRevision = revision
        return
      }
      this.brokenRevision = revision
      this.options.report?.('map_broken', {
        sentence: `The shard map went back from version ${this.known.version} to ${map.version}; it is not used, and the coordinator puts the later one back.`,
        revision,
      })
      return
    }
    this.known = map
    this.knownRevision = revision
    for (const listener of [...this.listeners]) listener(map)
  }
}

/** The one with the latest map, among all that can be read. */
export function newestMap(entries: readonly KeyEntry[]): KeyEntry | undefined {
  let newest: { readonly entry: KeyEntry; readonly version: number } | undefined
  for (const entry of entries) {
    const version = versionOf(entry.value)
    if (version >= (newest?.version ?? 1)) newest = { entry, version }
  }
  return newest?.entry
}

/** 0 when it is no map. */
function versionOf(value: Uint8Array): number {
  try {
    return decodeMap(value).version
  } catch (error) {
    if (error instanceof MapBroken) return 0
    throw error
  }
}

function isSame(map: ShardMap, other: ShardMap): boolean {
  return Buffer.compare(encodeMap(map), encodeMap(other)) === 0
}
