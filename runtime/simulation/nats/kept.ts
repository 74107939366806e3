/**
 * What the servers keep: streams and buckets, as plain data. Nothing here takes time or fails.
 *
 * Y1. A sequence is given once. An append whose expectation is wrong changes nothing.
 */
import type { Appended, KeyChange, KeyEntry } from '../../../transport/index.js'
import { beginning } from '../process.js'

/** Values kept of each key. */
export const keyHistoryLength = 64

/** Looks at what the servers keep of a stream, from outside. */
export interface StreamListener {
  appended?(sequence: number, bytes: Uint8Array): void
  /** @param first the oldest that is left */
  purged?(first: number): void
}

/** A stream: messages by sequence. */
export class KeptStream {
  private readonly messages: Uint8Array[] = []
  /** Told of every message and every purge, when it has happened. */
  readonly listeners = new Set<StreamListener>()
  /** Sequence of the oldest kept message; last + 1 when there is none. */
  first = 1

  get last(): number {
    return this.first + this.messages.length - 1
  }

  append(bytes: Uint8Array, after: number): Appended {
    if (after !== this.last) return { outcome: 'conflict' }
    this.messages.push(bytes)
    const sequence = this.last
    for (const listener of this.listeners) listener.appended?.(sequence, bytes)
    return { outcome: 'appended', sequence }
  }

  at(sequence: number): Uint8Array | undefined {
    return this.messages[sequence - this.first]
  }

  purge(upTo: number): void {
    const count = Math.min(Math.max(0, upTo - this.first + 1), this.messages.length)
    this.messages.splice(0, count)
    this.first += count
    if (count === 0) return
    for (const listener of this.listeners) listener.purged?.(this.first)
  }

  /** Puts other bytes in the place of a message: for tests of damage. */
  damage(sequence: number, bytes: Uint8Array): void {
    if (this.at(sequence) !== undefined) this.messages[sequence - this.first] = bytes
  }
}

/** A change of a bucket, and when it was made. */
interface KeptChange extends KeyChange {
  readonly at: number
}

/** A bucket: the newest changes of every key. */
export class KeptBucket {
  private revision = 0
  private readonly keys = new Map<string, KeptChange[]>()
  /** Told of every change. */
  readonly listeners = new Set<(change: KeyChange) => void>()

  /** Sets or, without a value, removes a key whose revision is this. */
  change(key: string, value: Uint8Array | undefined, revision: number, now: number): Appended {
    const kept = this.keys.get(key) ?? []
    const newest = kept[kept.length - 1]
    const present = newest?.value === undefined ? 0 : newest.revision
    if (present !== revision) return { outcome: 'conflict' }
    const change = { key, value, revision: ++this.revision, at: now }
    kept.push(change)
    if (kept.length > keyHistoryLength) kept.shift()
    this.keys.set(key, kept)
    for (const listener of this.listeners) listener(change)
    return { outcome: 'appended', sequence: change.revision }
  }

  /** Takes a key away without a trace, as whoever may change streams can. */
  erase(key: string): void {
    this.keys.delete(key)
  }

  /** Goes back to what it was, as by a restore from a backup. @returns a function that takes that back */
  goBackTo(revision: number): () => void {
    const before = { revision: this.revision, keys: [...this.keys] }
    this.revision = revision
    for (const [key, changes] of before.keys) {
      const kept = changes.filter((change) => change.revision <= revision)
      if (kept.length === 0) this.keys.delete(key)
      else this.keys.set(key, kept)
    }
    return () => {
      this.revision = before.revision
      for (const [key, changes] of before.keys) this.keys.set(key, changes)
    }
  }

  /** A key as it is, or as it was at a moment. */
  get(key: string, at = Infinity): KeyEntry | undefined {
    return entryOf((this.keys.get(key) ?? []).filter((change) => change.at <= at).at(-1))
  }

  history(key: string): readonly KeyEntry[] {
    return (this.keys.get(key) ?? []).flatMap((change) => entryOf(change) ?? [])
  }

  /** The newest change of every key, in order of revisions. */
  newest(prefix: string): readonly KeyChange[] {
    return this.under(prefix)
      .flatMap((changes) => changes.slice(-1))
      .sort(byRevision)
  }

  /** Kept changes after a revision, in order. */
  after(prefix: string, revision: number): readonly KeyChange[] {
    return this.under(prefix)
      .flat()
      .filter((change) => change.revision > revision)
      .sort(byRevision)
  }

  private under(prefix: string): KeptChange[][] {
    return [...this.keys].filter(([key]) => key.startsWith(prefix)).map(([, changes]) => changes)
  }
}

function entryOf(change: KeptChange | undefined): KeyEntry | undefined {
  if (change?.value === undefined) return undefined
  const { key, value, revision, at } = change
  // The clocks of the servers are right.
  return { key, value, revision, created: Math.floor(beginning + at) }
}

function byRevision(a: KeyChange, b: KeyChange): number {
  return a.revision - b.revision
}
