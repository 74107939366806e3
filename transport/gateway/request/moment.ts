/**
 * Moments over HTTP: ms since 1970 inside, ISO 8601 outside.
 *
 * M1. `isoTime` gives what `Date.toISOString` gives; it only keeps the second it wrote last.
 */
import { gatewayLimits } from '../limits.js'

let secondKept = -1
let secondText = ''

/** A moment as ISO 8601 in UTC with ms. @param ms since 1970, not negative */
export function isoTime(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== secondKept) {
    secondText = new Date(second * 1000).toISOString().slice(0, 20)
    secondKept = second
  }
  const rest = ms - second * 1000
  return `${secondText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}

const wholeNumber = /^(?:0|[1-9][0-9]{0,15})$/
// A plus sign in a query arrives as a space.
const isoForm =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+ -])(\d{2}):(\d{2})))?$/

/** Reads ISO 8601 with a zone, a plain day (midnight UTC) or ms; undefined when it is none. */
export function parseMoment(text: string): number | undefined {
  if (wholeNumber.test(text)) {
    const ms = Number(text)
    return ms <= gatewayLimits.momentMsMax ? ms : undefined
  }
  const match = isoForm.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((part) => Number(part || 0))
  const ms = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000)
  const time = Date.UTC(year!, month! - 1, day, hour, minute, second, ms)
  const back = new Date(time)
  const real =
    back.getUTCFullYear() === year &&
    back.getUTCMonth() === month! - 1 &&
    back.getUTCDate() === day &&
    hour! < 24 &&
    minute! < 60 &&
    second! < 60
  const zone = zoneMs(match[8], match[9], match[10])
  if (!real || zone === undefined || time - zone < 0) return undefined
  return time - zone
}

function zoneMs(
  sign: string | undefined,
  hours: string | undefined,
  minutes: string | undefined,
): number | undefined {
  if (sign === undefined) return 0
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}
