/**
 * Tells whether a value is plain data without writing it: for states of actors, which are written long
 * after the turn that made them.
 *
 * C8. What passes can be written by `plain-writer.ts` (C7). What a value shares with one that has passed is
 *     not looked at again: of a large state an event costs what it changed.
 */
import { assertName, assertNothingElse, assertText } from './plain-rules.js'

type Fields = Readonly<Record<string, unknown>>

/**
 * Levels of a value, each a list or a record in the one before: far more than a state has, and far fewer
 * than a stack has room for when it is written.
 */
const levelsMax = 1_000

const noList: readonly unknown[] = []

/**
 * @param passed is plain data, of which `value` may keep any parts at their places
 * @throws TypeError when the value is no plain data
 */
export function assertPlainBeside(value: unknown, passed: unknown): void {
  check(value, passed, 0)
}

function check(value: unknown, passed: unknown, level: number): void {
  if (typeof value === 'number' || typeof value === 'boolean') return
  if (typeof value === 'string') assertText(value)
  else if (typeof value === 'object') {
    if (value !== null && value !== passed) checkObject(value, passed, level)
  } else if (value !== undefined) throw new TypeError(`a ${typeof value} is no plain data`)
}

function checkObject(value: object, passed: unknown, level: number): void {
  if (level >= levelsMax) throw new TypeError('what is nested so deep is no plain data')
  if (Array.isArray(value)) checkList(value, Array.isArray(passed) ? passed : noList, level + 1)
  else if (!(value instanceof Uint8Array)) checkRecord(value as Fields, passed, level + 1)
}

function checkList(values: readonly unknown[], passed: readonly unknown[], level: number): void {
  const { length } = values
  for (let i = 0; i < length; i++) check(values[i], i < passed.length ? passed[i] : null, level)
}

function checkRecord(value: Fields, passed: unknown, level: number): void {
  let fields = 0
  for (const name in value) {
    fields++
    assertName(name)
    const field = value[name]
    // Most fields are neither: what has passed in their places is of no use.
    if (typeof field === 'number' || typeof field === 'boolean') continue
    if (typeof field === 'string') assertText(field)
    else if (field !== null) check(field, fieldOf(passed, name), level)
  }
  if (fields === 0) assertNothingElse(value)
}

/** Only own fields count as checked before, not what a class adds. */
function fieldOf(passed: unknown, name: string): unknown {
  if (typeof passed !== 'object' || passed === null) return undefined
  return Object.prototype.propertyIsEnumerable.call(passed, name)
    ? (passed as Fields)[name]
    : undefined
}
