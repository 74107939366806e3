/**
 * Memory outside the heap for what a shard keeps as bytes: the kind the collector counts, and the kind it does not.
 *
 * A shared buffer is nothing the collector counts. Of ordinary ones it takes the growth for garbage to be
 * found, and every few seconds under load goes through all objects that there are, for nothing. What comes
 * and goes must be counted: else it is garbage that nobody looks for.
 */

/** Makes zeroed memory of so many bytes. */
export type MakeMemory = (bytes: number) => Buffer

/** Of what stays as long as its shard: the collector does not count it. */
export const lastingMemory: MakeMemory = (bytes) => Buffer.from(new SharedArrayBuffer(bytes))

/** Of what may be let go. */
export const ordinaryMemory: MakeMemory = (bytes) => Buffer.from(new ArrayBuffer(bytes))
