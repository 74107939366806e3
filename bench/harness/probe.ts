/**
 * Loaded into every thread of a measured process before its own code (`--import`): counts garbage
 * collections, syncs and written bytes of that thread, without the system under test knowing.
 *
 * B1. Each thread writes its own row of shared memory and nobody else's; the main thread reads all.
 * B2. What is added to an operation is a clock read and a few additions per sync, not per payment.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { performance, PerformanceObserver } from 'node:perf_hooks'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import { bucketOf, bucketsCount } from './buckets.js'

const threadsMax = 64
const name = 'suanpan-bench-probe'

/** Columns of a thread's row. */
const columns = { gcCount: 0, gcMs: 1, gcMaxMs: 2, syncs: 3, syncMs: 4, bytes: 5 } as const
const syncBuckets = 6
const groupBuckets = syncBuckets + bucketsCount
const rowLength = groupBuckets + bucketsCount

interface Shared {
  readonly claimed: Int32Array
  readonly rows: Float64Array
}

/** What all threads of this process did since the probe was loaded. */
export interface ProbeReading {
  readonly gcCount: number
  readonly gcMs: number
  readonly syncs: number
  readonly syncMs: number
  readonly bytes: number
  /** Syncs by their duration in µs (see buckets.ts). */
  readonly syncMicros: readonly number[]
  /** Syncs by the bytes written since the one before. */
  readonly groupBytes: readonly number[]
}

const shared = share()
const row = Atomics.add(shared.claimed, 0, 1) % threadsMax
const mine = shared.rows.subarray(row * rowLength, (row + 1) * rowLength)

function share(): Shared {
  const known = getEnvironmentData(name) as Shared | undefined
  if (!isMainThread && known !== undefined) return known
  const made = {
    claimed: new Int32Array(new SharedArrayBuffer(4)),
    rows: new Float64Array(new SharedArrayBuffer(threadsMax * rowLength * 8)),
  }
  setEnvironmentData(name, made)
  return made
}

function add(column: number, value: number): void {
  mine[column] = mine[column]! + value
}

let bytesSinceSync = 0

function wrote(bytes: number): void {
  bytesSinceSync += bytes
  add(columns.bytes, bytes)
}

function synced(startedAt: number): void {
  const ms = performance.now() - startedAt
  add(columns.syncs, 1)
  add(columns.syncMs, ms)
  add(syncBuckets + bucketOf(ms * 1000), 1)
  add(groupBuckets + bucketOf(bytesSinceSync), 1)
  bytesSinceSync = 0
}

type Callback = (error: NodeJS.ErrnoException | null) => void

function watchFiles(): void {
  const { write, writeSync, fdatasync, fdatasyncSync } = fs
  // The overloads of `write` differ only in what is written; the callback is always the last.
  const anyWrite = write as (...parameters: unknown[]) => void
  fs.write = ((...parameters: unknown[]) => {
    const last = parameters.length - 1
    const callback = parameters[last] as (error: Error | null, written: number, of: unknown) => void
    parameters[last] = (error: Error | null, written: number, of: unknown): void => {
      if (error === null) wrote(written)
      callback(error, written, of)
    }
    anyWrite(...parameters)
  }) as unknown as typeof fs.write
  fs.writeSync = ((...parameters: Parameters<typeof writeSync>) => {
    const written = writeSync(...parameters)
    wrote(written)
    return written
  }) as typeof fs.writeSync
  fs.fdatasync = ((descriptor: number, callback: Callback) => {
    const startedAt = performance.now()
    fdatasync(descriptor, (error) => {
      synced(startedAt)
      callback(error)
    })
  }) as typeof fs.fdatasync
  fs.fdatasyncSync = (descriptor) => {
    const startedAt = performance.now()
    fdatasyncSync(descriptor)
    synced(startedAt)
  }
  syncBuiltinESMExports()
}

function watchCollections(): void {
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      add(columns.gcCount, 1)
      add(columns.gcMs, duration)
      mine[columns.gcMaxMs] = Math.max(mine[columns.gcMaxMs]!, duration)
    }
  }).observe({ entryTypes: ['gc'] })
}

watchFiles()
watchCollections()

/** Sums over all threads. */
export function readProbe(): ProbeReading {
  const sum = new Float64Array(rowLength)
  for (let i = 0; i < shared.rows.length; i++) {
    sum[i % rowLength] = sum[i % rowLength]! + shared.rows[i]!
  }
  return {
    gcCount: sum[columns.gcCount]!,
    gcMs: sum[columns.gcMs]!,
    syncs: sum[columns.syncs]!,
    syncMs: sum[columns.syncMs]!,
    bytes: sum[columns.bytes]!,
    syncMicros: [...sum.subarray(syncBuckets, syncBuckets + bucketsCount)],
    groupBytes: [...sum.subarray(groupBuckets, groupBuckets + bucketsCount)],
  }
}

/** The longest collection of any thread since the last call. */
export function takeLongestCollectionMs(): number {
  let longest = 0
  for (let thread = 0; thread < threadsMax; thread++) {
    const at = thread * rowLength + columns.gcMaxMs
    longest = Math.max(longest, shared.rows[at]!)
    shared.rows[at] = 0
  }
  return longest
}
