/**
 * The refusals of a shard that its key records name by number: most keys share a few sentences.
 *
 * L1. A number means the same sentence for ever, so the list only grows. It is bounded where that may be
 *     written (`formats.ts`): beyond the bound a new sentence is kept with its key, and leaves with it.
 *     What is listed is decided once, by the shard that takes the key in; a replay does as its journal says.
 */
import { limits } from '../limits.js'
import { RowWriter } from '../../transport/index.js'
import type { ShardFormats } from './formats.js'

/** Code and detail. */
export type ListedRefusal = readonly [string, string]

/** First format that may keep a sentence with its key. */
const keptSince = 4

export class ListedRefusals {
  /** In order of their numbers. */
  readonly list: ListedRefusal[] = []
  /** Numbers by code, then by detail. */
  private readonly numbers = new Map<string, Map<string, number>>()
  private readonly kept = new RowWriter()

  /** Whether a key with this refusal names it by number; else the sentence is kept with the key. */
  takes(code: string, detail: string, { writes }: ShardFormats): boolean {
    if (this.list.length < limits.refusalsListedMax || writes < keptSince) return true
    return this.numbers.get(code)?.has(detail) === true
  }

  /** Number of a refusal, which is listed if it is not yet. */
  numberOf(code: string, detail: string): number {
    const known = this.numbers.get(code)?.get(detail)
    if (known !== undefined) return known
    return this.add([code, detail])
  }

  /** What is kept with the key of a refusal that is not listed, packed as an answer is. */
  packed(refusal: ListedRefusal): Uint8Array {
    this.kept.value(refusal)
    return this.kept.take([])
  }

  /** Puts a list in the place of this one. */
  restore(list: readonly ListedRefusal[]): void {
    this.list.length = 0
    this.numbers.clear()
    // One by one: a list of an older format may be longer than what a call takes as arguments.
    for (const refusal of list) this.add(refusal)
  }

  private add(refusal: ListedRefusal): number {
    const [code, detail] = refusal
    const number = this.list.push(refusal) - 1
    const details = this.numbers.get(code)
    if (details === undefined) this.numbers.set(code, new Map([[detail, number]]))
    else details.set(detail, number)
    return number
  }
}
