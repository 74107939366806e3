/**
 * The configuration centre: settings kept under `config.<name>`, the same for all nodes, followed by
 * all of them without a restart, with a history of who changed what and when.
 *
 * F1. A value that breaks its definition never takes effect, whoever wrote it: the last good one stays.
 * F2. A change is written on the revision it replaces, so that of two at once the later one knows of
 *     the earlier.
 */
import type { Env } from '../../runtime/index.js'
import type { KeyBucket, KeyEntry } from '../../transport/index.js'
import { fieldsOf, isWhole, toBytes } from '../membership/json.js'
import { pause, within } from '../membership/within.js'
import {
  isSettingName,
  refusalOf,
  settingDefinitions,
  settingNames,
  unknownSetting,
  type SettingName,
  type SettingRefusal,
  type SettingValue,
} from './definitions.js'

const prefix = 'config.'

/** One change of a setting. */
export interface SettingChange {
  readonly name: SettingName
  /** Undefined when it was put back to its default. */
  readonly value: SettingValue | undefined
  readonly by: string
  /** Wall clock of the node that wrote it, ms since 1970. */
  readonly at: number
  readonly revision: number
}

export interface ConfigurationOptions {
  readonly env: Env
  readonly bucket: KeyBucket
  /** ms after which a request without a reply is asked again. @default 2,000 */
  readonly attemptMs?: number
  readonly report?: (event: string, detail: Record<string, unknown>) => void
}

/** Attempts to write a change before it is told that nobody knows what became of it. */
const attemptsMax = 5

export class Configuration {
  private readonly options: ConfigurationOptions
  private readonly values = new Map<SettingName, SettingChange>()
  private readonly revisions = new Map<string, number>()
  private readonly listeners = new Set<(change: SettingChange) => void>()
  private stopWatch: (() => void) | undefined

  constructor(options: ConfigurationOptions) {
    this.options = options
  }

  /** Begins to follow the settings; until the first ones are told the defaults hold. */
  start(): void {
    this.stopWatch ??= this.options.bucket.watch(prefix, ({ key, value, revision }) => {
      this.observe(key, value, revision)
    })
  }

  stop(): void {
    this.stopWatch?.()
    this.stopWatch = undefined
  }

  /** A setting as it holds on this node now. */
  get<N extends SettingName>(name: N): SettingValue<N> {
    // Only values that fit their definition are kept (F1).
    return (this.values.get(name)?.value ?? settingDefinitions[name].default) as SettingValue<N>
  }

  /** All settings as they hold on this node now. */
  all(): ReadonlyMap<SettingName, SettingValue> {
    return new Map(settingNames.map((name) => [name, this.get(name)]))
  }

  /** Told of every change that takes effect. */
  onChange(listener: (change: SettingChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /**
   * Sets a setting for the whole cluster.
   * @param value undefined puts it back to its default
   * @param by who asks, 1 to 128 characters
   */
  async set(name: string, value: unknown, by: string): Promise<SettingRefusal | undefined> {
    if (!isSettingName(name)) return unknownSetting(name)
    const wrong = value === undefined ? undefined : refusalOf(name, value)
    if (wrong !== undefined) return wrong
    if (by.length < 1 || by.length > 128) {
      return { code: 'invalid_setting', sentence: 'Say who changes it, in 1 to 128 characters.' }
    }
    return this.write(name, value as SettingValue | undefined, by)
  }

  /** Changes of a setting that are still kept, oldest first. @throws NatsUnreachable */
  async history(name: SettingName): Promise<SettingChange[]> {
    const entries = await this.options.bucket.history(prefix + name)
    return entries.flatMap((entry) => changeOf(name, entry.value, entry.revision) ?? [])
  }

  private async write(
    name: SettingName,
    value: SettingValue | undefined,
    by: string,
  ): Promise<SettingRefusal | undefined> {
    const { env, bucket, attemptMs = 2_000 } = this.options
    const key = prefix + name
    const at = Math.max(0, Math.floor(env.clock.now()))
    const bytes = toBytes({ ...(value === undefined ? {} : { value }), by, at })
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const read = await within(
        env,
        attemptMs,
        bucket.get(key).then((entry) => ({ entry })),
      )
      if (read !== undefined) {
        const { entry } = read
        // An earlier attempt whose reply was lost.
        if (attempt > 0 && entry !== undefined && sameBytes(entry.value, bytes)) {
          this.observe(key, entry.value, entry.revision)
          return undefined
        }
        const put = bucket.put(key, bytes, this.newest(key, entry))
        const result = await within(env, attemptMs, put)
        if (result?.outcome === 'appended') {
          this.observe(key, bytes, result.sequence)
          return undefined
        }
      }
      await pause(env, 50 * (1 + env.chance.next()) * (attempt + 1))
    }
    return {
      code: 'outcome_unknown',
      sentence: `NATS did not say whether ${name} was changed; look at it, and set it again.`,
    }
  }

  /** Revision to write on: reads may be stale, and so may the watch. */
  private newest(key: string, entry: KeyEntry | undefined): number {
    return Math.max(entry?.revision ?? 0, this.revisions.get(key) ?? 0)
  }

  private observe(key: string, value: Uint8Array | undefined, revision: number): void {
    const name = key.slice(prefix.length)
    if (revision <= (this.revisions.get(key) ?? 0)) return
    this.revisions.set(key, revision)
    // Settings of newer code are none of this node's.
    if (!isSettingName(name)) return
    // A key that somebody removed is back at its default.
    const change: SettingChange | undefined =
      value === undefined
        ? { name, value: undefined, by: 'unknown', at: 0, revision }
        : changeOf(name, value, revision)
    if (value === undefined) this.revisions.delete(key)
    if (change === undefined) {
      this.options.report?.('setting_broken', { name, kept: this.get(name) })
      return
    }
    this.values.set(name, change)
    for (const listener of [...this.listeners]) listener(change)
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** @returns undefined when the bytes are no change of this setting, or its value breaks its definition */
function changeOf(
  name: SettingName,
  bytes: Uint8Array,
  revision: number,
): SettingChange | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined) return undefined
  const { value, by, at } = fields
  if (typeof by !== 'string' || !isWhole(at, 0)) return undefined
  if (value !== undefined && refusalOf(name, value) !== undefined) return undefined
  return { name, value: value as SettingValue | undefined, by, at, revision }
}
