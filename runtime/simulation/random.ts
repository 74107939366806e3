/**
 * Seeded chance: xoshiro128** (Blackman, Vigna; public domain), seeded through splitmix32. Every
 * concern of a simulation draws from a stream of its own, so a draw more in one changes no other.
 */

export class Random {
  private a: number
  private b: number
  private c: number
  private d: number

  constructor(seed: number, stream = '') {
    let state = seed | 0
    for (let i = 0; i < stream.length; i++) {
      state = Math.imul(state ^ stream.charCodeAt(i), 0x9e3779b1) ^ (state >>> 15)
    }
    const split = (): number => {
      state = (state + 0x9e3779b9) | 0
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.a = split()
    this.b = split()
    this.c = split()
    // A state of zeros only would stay there.
    this.d = split() | 1
  }

  /** A whole number of 32 bits, unsigned. */
  word(): number {
    const scrambled = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0
    const shifted = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= shifted
    this.d = rotate(this.d, 11)
    return scrambled
  }

  /** A number in [0, 1). */
  next(): number {
    return this.word() / 2 ** 32
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** A number from `min` to `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** One of some things. */
  pick<T>(things: readonly T[]): T {
    return things[Math.floor(this.next() * things.length)]!
  }

  /** Waiting time of a Poisson process. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() & 255)
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
