/**
 * What is no plain data, told in one place for those that write values and those that only look at them.
 *
 * C7. What could not be read as it was written is refused: dates, maps, promises and the like, which would
 *     come back empty, half a surrogate pair, which has no UTF-8, in names as in values, and a field that no
 *     object can be given.
 */

/**
 * True for a text that can be written: no half of a surrogate pair is in it. In Node since 20, in the library of
 * TypeScript since ES2024.
 */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** @throws TypeError */
export function assertText(text: string): void {
  if (!isWellFormed(text)) throw new TypeError('half a surrogate pair is no plain data')
}

/** @throws TypeError for a name that can't be written, or that no object can be given back */
export function assertName(name: string): void {
  if (name === '__proto__') throw new TypeError('a field named "__proto__" is no plain data')
  assertText(name)
}

/** An object without fields is an empty record, or something whose contents are no fields. @throws TypeError */
export function assertNothingElse(value: object): void {
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  if (tag === 'Object') return
  disownPromise(value)
  throw new TypeError(`a ${tag} is no plain data`)
}

/**
 * Takes the rejection of a promise that is refused, and loses it: nobody waits for it, and one that nobody
 * takes would end the process.
 * @returns whether it is a promise
 */
export function disownPromise(given: unknown): given is Promise<unknown> {
  if (!(given instanceof Promise)) return false
  given.then(ignore, ignore)
  return true
}

function ignore(): void {
  // Who gave the promise is told that it is none of the things it may be.
}
