/** What NATS servers of this machine used and hold: processor time, frames, bytes. Linux only. */
import { readFile } from 'node:fs/promises'
import { BenchFailed } from './bench-failed.js'
import type { NatsServers } from '../../transport/nats/index.js'

export interface NatsReading {
  /** Processor time of all servers so far, s. */
  readonly cpuSeconds: number
  /** Messages ever appended to streams of this prefix. */
  readonly frames: number
  /** Bytes of an average one that is still kept. */
  readonly bytesEach: number
}

/** Clock ticks a second in /proc: 100 on every Linux of today. */
const ticksPerSecond = 100
const userField = 13
const systemField = 14

/** @throws BenchFailed where there is no /proc, or no server answers */
export async function readNats(servers: NatsServers, prefix: string): Promise<NatsReading> {
  const ticks = await Promise.all(servers.pids.map(ticksOf))
  return {
    cpuSeconds: ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond,
    ...(await streamsOf(servers, prefix)),
  }
}

async function ticksOf(pid: number): Promise<number> {
  let stat: string
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    throw new BenchFailed(`The processor time of servers is read from /proc: ${String(error)}.`)
  }
  // The name may hold spaces; it ends with the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[userField - 2]) + Number(fields[systemField - 2])
}

interface StreamDetail {
  readonly name: string
  readonly state: { readonly messages: number; readonly bytes: number; readonly last_seq: number }
}

async function streamsOf(
  servers: NatsServers,
  prefix: string,
): Promise<Pick<NatsReading, 'frames' | 'bytesEach'>> {
  const url = `${servers.monitoring[0]!}/jsz?streams=true&accounts=true`
  const answer = (await (await fetch(url)).json()) as {
    readonly account_details?: readonly { readonly stream_detail?: readonly StreamDetail[] }[]
  }
  let [frames, messages, bytes] = [0, 0, 0]
  for (const { stream_detail = [] } of answer.account_details ?? []) {
    for (const { name, state } of stream_detail) {
      if (!name.startsWith(prefix)) continue
      frames += state.last_seq
      messages += state.messages
      bytes += state.bytes
    }
  }
  return { frames, bytesEach: bytes / Math.max(1, messages) }
}
