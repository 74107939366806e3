/**
 * Keyed 128-bit hashes of idempotency keys and of what a request means, for tables: to find a key, and to tell
 * requests apart. It is derived from HalfSipHash (the 32-bit form of SipHash; Aumasson and Bernstein, 2012), with
 * less: one compression and three finalization rounds instead of two and four; and with more: 128 bits of key
 * fill the whole state, and all four words of it are the result. Nobody has published an analysis of it so.
 *
 * It is no MAC, and hides nothing. Every step can be run backwards, so whoever sees one hash, and knows what was
 * hashed, has the secret, and can make requests that collide. Hashes stay in journals, snapshots and between
 * nodes, where the secret is too: none is ever shown to a client, put into a log or answered. Clients do not see
 * hashes, and learn of equality only: two keys that collide by accident take 2⁶⁴ keys of one shard. A collision
 * of keys alone is answered with `idempotency_conflict`, nothing executed; to be taken for another request its
 * meaning, 96 bits more, must collide too.
 */

/** Hashes texts and plain data; one at a time. */
export class KeyedHash {
  private readonly k0: number
  private readonly k1: number
  private readonly k2: number
  private readonly k3: number
  private v0 = 0
  private v1 = 0
  private v2 = 0
  private v3 = 0
  private length = 0

  /** @param secret 16 bytes */
  constructor(secret: Uint8Array) {
    const view = new DataView(secret.buffer, secret.byteOffset, 16)
    this.k0 = view.getInt32(0, true)
    this.k1 = view.getInt32(4, true)
    this.k2 = view.getInt32(8, true)
    this.k3 = view.getInt32(12, true)
  }

  /** Hash of who is asked, what, and the key: adds four words, signed, to `out`. */
  key(owner: string, operation: string, key: string, out: number[]): void {
    this.begin()
    this.addText(owner)
    this.addText(operation)
    this.addText(key)
    this.finish(out)
  }

  /**
   * Hash of plain data, the same for all ways to write it: fields in any order, `undefined` like
   * absent; different from null, from other types and from arrays in another order. Adds four words.
   */
  meaning(value: unknown, out: number[]): void {
    this.begin()
    this.addValue(value)
    this.finish(out)
  }

  private begin(): void {
    this.v0 = this.k0
    this.v1 = this.k1
    this.v2 = this.k2 ^ 0x6c796765
    this.v3 = this.k3 ^ 0x74656462
    this.length = 0
  }

  private addValue(value: unknown): void {
    if (typeof value === 'string') {
      this.addWord(1)
      this.addText(value)
    } else if (typeof value === 'number') this.addNumber(value)
    else if (typeof value === 'object') this.addObject(value)
    else if (typeof value === 'boolean') this.addWord(value ? 3 : 4)
    else {
      this.addWord(5)
      // Nothing a journal can hold: all the same here, and refused where it is written.
      this.addText(typeof value)
    }
  }

  private addNumber(value: number): void {
    if ((value | 0) === value) {
      this.addWord(2)
      this.addWord(value)
      return
    }
    this.addWord(6)
    this.addText(String(value))
  }

  private addObject(value: object | null): void {
    if (value === null) this.addWord(7)
    else if (Array.isArray(value)) {
      this.addWord(8)
      this.addWord(value.length)
      for (const item of value) this.addValue(item)
    } else this.addFields(value as Record<string, unknown>)
  }

  /** Fields in the order of their names; those that stand so already are not sorted. */
  private addFields(fields: Record<string, unknown>): void {
    const { v0, v1, v2, v3, length } = this
    let previous = ''
    let count = 0
    for (const name in fields) {
      if (name < previous) {
        this.v0 = v0
        this.v1 = v1
        this.v2 = v2
        this.v3 = v3
        this.length = length
        count = this.addSorted(fields)
        break
      }
      previous = name
      count += this.addField(name, fields[name])
    }
    this.addWord(9)
    this.addWord(count)
  }

  private addSorted(fields: Record<string, unknown>): number {
    let count = 0
    for (const name of Object.keys(fields).sort()) count += this.addField(name, fields[name])
    return count
  }

  /** @returns 0 for a field that is undefined, which means the same as none */
  private addField(name: string, value: unknown): 0 | 1 {
    if (value === undefined) return 0
    this.addText(name)
    this.addValue(value)
    return 1
  }

  /**
   * Two UTF-16 units a word, then the length: no text runs into the next one. The round of `round()`
   * stands here again, on local variables: it runs for every word of every request.
   */
  private addText(text: string): void {
    const { length } = text
    let { v0, v1, v2, v3 } = this
    for (let i = 0; i <= length; i += 2) {
      const word =
        i + 1 < length
          ? text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)
          : i < length
            ? text.charCodeAt(i) | (length << 16)
            : ~length
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    this.v0 = v0
    this.v1 = v1
    this.v2 = v2
    this.v3 = v3
    this.length += length + 1
  }

  private addWord(word: number): void {
    this.v3 ^= word
    this.round()
    this.v0 ^= word
    this.length++
  }

  private finish(out: number[]): void {
    this.addWord(this.length)
    this.v2 ^= 0xff
    this.round()
    this.round()
    this.round()
    out.push(this.v0, this.v1, this.v2, this.v3)
  }

  private round(): void {
    let { v0, v1, v2, v3 } = this
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    this.v0 = v0
    this.v1 = v1
    this.v2 = v2
    this.v3 = v3
  }
}
