/**
 * What appends cost NATS servers: streams with one append in flight each, as shards have, with small
 * frames and with large ones; what a frame costs and what a KiB costs follows from the two.
 */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { connectNats, type NatsServers } from '../../transport/nats/index.js'
import type { StreamLog } from '../../transport/index.js'
import { BenchFailed } from './bench-failed.js'
import { readNats } from './nats-meter.js'
import { median } from './rounds.js'

export interface AppendCosts {
  /** Processor time of one server for a frame, and for a KiB of it, µs. */
  readonly frameMicros: number
  readonly kibMicros: number
}

const smallBytes = 1_024
const largeBytes = 64 * 1_024
const syncs = 200
const syncBytes = 4_096

/** @param options.streams appended to at the same time @param options.seconds of each size */
export async function appendCosts(
  servers: NatsServers,
  options: { readonly streams: number; readonly seconds: number; readonly replicas: number },
): Promise<AppendCosts> {
  const nats = await connectNats({ servers: servers.addresses })
  try {
    const logs = await Promise.all(
      Array.from({ length: options.streams }, (_, i) =>
        nats.stream(`COST_${i}`, { replicas: options.replicas }),
      ),
    )
    const each = async (bytes: number): Promise<number> => {
      const before = await readNats(servers, 'COST_')
      const until = performance.now() + options.seconds * 1000
      await Promise.all(logs.map((log) => appendUntil(log, new Uint8Array(bytes), until)))
      const after = await readNats(servers, 'COST_')
      const frames = after.frames - before.frames
      const seconds = after.cpuSeconds - before.cpuSeconds
      return (seconds * 1e6) / Math.max(1, frames) / servers.pids.length
    }
    const small = await each(smallBytes)
    const large = await each(largeBytes)
    const kibMicros = Math.max(0, ((large - small) * 1024) / (largeBytes - smallBytes))
    return { frameMicros: Math.max(0, small - (kibMicros * smallBytes) / 1024), kibMicros }
  } finally {
    await nats.close()
  }
}

async function appendUntil(log: StreamLog, frame: Uint8Array, until: number): Promise<void> {
  for (let { last } = await log.bounds(); performance.now() < until; last++) {
    const { outcome } = await log.append(frame, last)
    if (outcome !== 'appended') throw new BenchFailed(`an append was no success: ${outcome}`)
  }
}

/** @returns ms of a sync of a small write below a folder: the median of many */
export async function syncCost(folder: string): Promise<number> {
  const file = await open(join(folder, 'sync-cost'), 'w')
  try {
    const block = new Uint8Array(syncBytes)
    const took: number[] = []
    for (let i = 0; i < syncs; i++) {
      await file.write(block)
      const began = performance.now()
      await file.datasync()
      took.push(performance.now() - began)
    }
    return median(took)
  } finally {
    await file.close()
  }
}
