/**
 * How many connections the gateway takes.
 *
 * CB1. They never take the files from the journal and the snapshots. A file that can't be opened ends the process:
 *      whoever can connect, with a key or without, could do that.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Descriptors that stay free for files, at least, and as a part of all there may be. */
const filesMin = 128
const filesPart = 1 / 4
/** Few enough clients find room even where a process may hardly open anything. */
const connectionsMin = 16

/** @returns undefined where the system does not tell how many files this process may open */
export function connectionBound(): number | undefined {
  try {
    const [, most] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))!
    return connectionsBeside(readdirSync('/proc/self/fd').length, Number(most))
  } catch {
    // Another system, or one without a bound.
    return undefined
  }
}

/**
 * @param open descriptors in use before there are connections
 * @param most the process may have
 */
export function connectionsBeside(open: number, most: number): number {
  const files = Math.max(filesMin, Math.ceil(most * filesPart))
  return Math.max(connectionsMin, most - open - files)
}
