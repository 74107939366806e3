/**
 * Calendar days of a time zone: what "per day" means in a limit.
 *
 * Y1. The day of a moment depends on the moment, the zone and the zone's rules alone. The day is
 *     stored in the event that used it, so a replay never asks again.
 * Y2. The day of an account's spending never goes back, also where the zone has changed to one behind:
 *     what was spent today would not count any more.
 */
import type { Turn } from '../../runtime/index.js'
import type { AccountState } from './account-state.js'

/** Days of one zone. Finding a day asks the zone's rules once per quarter of an hour of time. */
class Calendar {
  private readonly format: Intl.DateTimeFormat
  private sliceStart = Number.NaN
  private sliceDay = 0

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    })
  }

  dayOf(time: number): number {
    const start = Math.floor(time / sliceMs) * sliceMs
    if (start !== this.sliceStart) {
      this.sliceDay = this.lookUp(start)
      this.sliceStart = start
    }
    return this.sliceDay
  }

  private lookUp(time: number): number {
    let year = 0
    let month = 0
    let day = 0
    for (const part of this.format.formatToParts(time)) {
      if (part.type === 'year') year = Number(part.value)
      else if (part.type === 'month') month = Number(part.value)
      else if (part.type === 'day') day = Number(part.value)
    }
    return year * 10_000 + month * 100 + day
  }
}

/** Every zone in use since 1972 changes its day at a full quarter of an hour of UTC. */
const sliceMs = 15 * 60 * 1000

// A memo of a pure function, not state: the same question has the same answer in every thread.
const calendars = new Map<string, Calendar>()

/** @returns the calendar day of a moment as yyyymmdd. @throws RangeError for an unknown zone */
export function dayOf(time: number, timeZone: unknown): number {
  const zone = typeof timeZone === 'string' ? timeZone : 'UTC'
  let calendar = calendars.get(zone)
  if (calendar === undefined) {
    calendar = new Calendar(zone)
    calendars.set(zone, calendar)
  }
  return calendar.dayOf(time)
}

/** @returns a sentence when `settings.timeZone` is given and is no zone: each payment would fail, or count in UTC */
export function wrongTimeZone(timeZone: unknown): string | undefined {
  if (timeZone === undefined) return undefined
  try {
    if (typeof timeZone === 'string') {
      dayOf(0, timeZone)
      return undefined
    }
  } catch {
    // A zone that is not known here.
  }
  const given =
    typeof timeZone === 'string' ? JSON.stringify(timeZone) : `no text: ${typeof timeZone}`
  return `settings.timeZone must be a time zone such as "Asia/Shanghai", or be left out for UTC; it is ${given}.`
}

/** @returns the day that a turn's spending counts for (Y2), as yyyymmdd. @throws RangeError for an unknown zone */
export function spendingDay({
  now,
  settings,
  state,
}: Pick<Turn<AccountState>, 'now' | 'settings' | 'state'>): number {
  return Math.max(state.day, dayOf(now, settings['timeZone']))
}
