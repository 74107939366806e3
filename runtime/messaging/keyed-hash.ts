/**
 * Keyed 128-bit hashes of idempotency keys and of what a request means: HalfSipHash-2-4 (Aumasson
 * and Bernstein, 2012; the 32-bit variant), run twice with independent keys. Keyed by a secret of the
 * data folder, so that nobody can craft two requests that collide.
 */

/** Two 64-bit halves as four 32-bit words. */
export type Hash128 = readonly [number, number, number, number]

const scratch = { v0: 0, v1: 0, v2: 0, v3: 0 }

export class KeyedHash {
  private readonly keys: readonly number[]

  /** @param secret 16 bytes */
  constructor(secret: Uint8Array) {
    const view = new DataView(secret.buffer, secret.byteOffset, 16)
    this.keys = [0, 4, 8, 12].map((at) => view.getUint32(at, true))
  }

  /** Hash of a text, into four words of `out` from `at`. */
  text(text: string, out: Uint32Array, at: number): void {
    half(this.keys[0]!, this.keys[1]!, text)
    out[at] = (scratch.v1 ^ scratch.v3) >>> 0
    out[at + 1] = (scratch.v0 ^ scratch.v2) >>> 0
    half(this.keys[2]!, this.keys[3]!, text)
    out[at + 2] = (scratch.v1 ^ scratch.v3) >>> 0
    out[at + 3] = (scratch.v0 ^ scratch.v2) >>> 0
  }
}

function half(k0: number, k1: number, text: string): void {
  let v0 = k0
  let v1 = k1
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  const rounds = (): void => {
    for (let i = 0; i < 2; i++) {
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
    }
  }
  // Two UTF-16 units a word: the text's own form, no encoding step.
  const length = text.length
  for (let i = 0; i < length; i += 2) {
    const word = text.charCodeAt(i) | (i + 1 < length ? text.charCodeAt(i + 1) << 16 : 0)
    v3 ^= word
    rounds()
    v0 ^= word
  }
  v3 ^= length
  rounds()
  v0 ^= length
  v2 ^= 0xff
  rounds()
  rounds()
  scratch.v0 = v0
  scratch.v1 = v1
  scratch.v2 = v2
  scratch.v3 = v3
}

/**
 * One text for all ways to write the same plain data: object fields in sorted order, absent and
 * `undefined` fields the same, null different from absent, arrays in order.
 */
export function canonicalText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  const entries = value as Record<string, unknown>
  let text = '{'
  for (const name of Object.keys(entries).sort()) {
    const field = entries[name]
    if (field !== undefined) text += `${JSON.stringify(name)}:${canonicalText(field)},`
  }
  return `${text}}`
}
