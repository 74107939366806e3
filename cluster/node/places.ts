/**
 * The members of a cluster as numbers, so that shards, batches and answers name them cheaply. A number
 * is never used again: an answer to a member that has gone finds nobody.
 */
import { here } from '../../runtime/index.js'

export class Places {
  private readonly numbers = new Map<string, number>()
  private readonly ids: string[] = []

  /** @param self id of this member, the place {@link here} */
  constructor(self: string) {
    this.ids[here] = self
    this.numbers.set(self, here)
  }

  /** The number of a member; a new one for a member not seen before. */
  of(id: string): number {
    const known = this.numbers.get(id)
    if (known !== undefined) return known
    const number = this.ids.push(id) - 1
    this.numbers.set(id, number)
    return number
  }

  idOf(place: number): string | undefined {
    return this.ids[place]
  }
}
