/**
 * The formats of what a shard keeps: one number for the bodies of its frames and its snapshots.
 *
 *   3  actors in snapshots as the packed store has them. 1 and 2 were never released, and are read no more.
 *   4  the sentence of a refusal may stand with its key (`listed-refusals.ts`).
 *
 * F1. What is written is never newer than what everybody reads who may have to: a single program writes
 *     its newest, a cluster the format its operator has finalised.
 */

export type FormatRange = readonly [oldest: number, newest: number]

/** The formats this program reads; it can write each of them. */
export const formatsRead: FormatRange = [3, 4]

/** What a shard may read, and what it writes now. Shared by the shards of a node. */
export interface ShardFormats {
  readonly reads: FormatRange
  writes: number
}

/** Of a program on its own. */
export const formatsAlone: ShardFormats = { reads: formatsRead, writes: formatsRead[1] }

/** A format outside of what is read. */
export class FormatUnread extends Error {
  readonly code: 'newer_format' | 'older_format'

  constructor(what: string, format: number, [oldest, newest]: FormatRange) {
    const reads = oldest === newest ? String(oldest) : `${oldest} to ${newest}`
    const code = format > newest ? 'newer_format' : 'older_format'
    const remedy =
      code === 'newer_format'
        ? 'Install the newer program.'
        : 'Open it with the program that wrote it, and upgrade one release at a time.'
    super(`${what} has format ${format}; this program reads ${reads}. ${remedy}`)
    this.code = code
  }
}

/** @throws FormatUnread */
export function checkFormat(what: string, format: number, reads: FormatRange): void {
  if (format < reads[0] || format > reads[1]) throw new FormatUnread(what, format, reads)
}
