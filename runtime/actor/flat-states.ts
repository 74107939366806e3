/**
 * Flat states that stay in place: what a turn made of one is copied into the object the actor has already.
 *
 * S6. Hundreds of thousands of actors that get a new object every turn fill the old generation with their
 *     old ones, and a collection of it holds a shard up for a tenth of a second. Copied at commit, the new
 *     object dies young, and nothing is left to collect.
 */

type Copy = (to: object, from: object) => void

/** The one layout of a kind's flat states. */
export class FlatStates {
  private names: readonly string[] = []
  private copy: Copy | undefined

  /** True when a state has the layout of the others; the first one decides which that is. */
  fits(state: unknown): state is object {
    if (typeof state !== 'object' || state === null) return false
    // A list, or an object of a class, would not be the same as a copy of its fields.
    if (Object.getPrototypeOf(state) !== Object.prototype) return false
    if (this.copy === undefined && !this.learn(state)) return false
    const { names } = this
    let at = 0
    for (const name in state) if (name !== names[at++]) return false
    return at === names.length
  }

  /**
   * Makes an object that fits equal to a state.
   * @returns false when the state does not fit: nothing is changed then
   */
  into(home: object, state: unknown): boolean {
    if (!this.fits(state)) return false
    this.copy!(home, state)
    return true
  }

  /** Compiled, as the readers of packed data are: field by field, without a look at names. */
  private learn(state: object): boolean {
    const names = Object.keys(state)
    // The one field that is none.
    if (names.includes('__proto__')) return false
    this.names = names
    const fields = names.map((name) => JSON.stringify(name))
    const steps = fields.map((field) => `to[${field}] = from[${field}]`)
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- quoted: a name is nothing but a name
    this.copy = new Function('to', 'from', steps.join(';')) as Copy
    return true
  }
}
