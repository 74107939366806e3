/**
 * Memory for what a shard keeps for good: megabytes that only grow.
 *
 * A shared buffer is nothing the collector counts. Of ordinary ones it takes the growth for garbage to be
 * found, and every few seconds under load goes through all objects that there are, for nothing.
 */

/** Zeroed memory of so many bytes. */
export function offHeap(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes)
}
