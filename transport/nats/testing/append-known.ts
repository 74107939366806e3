/**
 * Appends of tests, to the end: servers of a loaded machine may elect a leader at any moment, and an
 * append that meets it is unknown.
 */
import { NatsUnreachable, type Appended, type StreamLog } from '../port.js'

const triesMax = 200
const pauseMs = 25

/** Settles an unknown outcome as every writer does: by looking, and trying again where nothing is. */
export async function appendKnown(
  log: StreamLog,
  bytes: Uint8Array,
  after: number,
): Promise<Appended> {
  for (let tries = triesMax; ; tries--) {
    const appended = await log.append(bytes, after)
    if (appended.outcome !== 'unknown' || tries === 0) return appended
    if (await holds(log, bytes, after + 1)) return { outcome: 'appended', sequence: after + 1 }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

async function holds(log: StreamLog, bytes: Uint8Array, sequence: number): Promise<boolean> {
  try {
    const found = await log.at(sequence)
    return found !== undefined && Buffer.compare(found, bytes) === 0
  } catch (error) {
    if (error instanceof NatsUnreachable) return false
    throw error
  }
}
