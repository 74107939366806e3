/**
 * A payment is not read while a step of it is in flight: between the payee's credit and the payer's post
 * its two sides differ, and a view of it would say what one of them does not.
 */
import { placeOf, Violation, type Turn } from '../committed.js'
import { returnOf } from '../history.js'
import type { Attempt } from '../kit.js'

const begins = new Set(['opened', 'captureStarted', 'refundStarted'])
const ends = new Set(['captured', 'captureRefused', 'failed', 'refunded', 'refundRefused'])

/** A step of a payment: from when its beginning was durable to when its end was written. */
interface Flight {
  readonly place: string
  readonly from: number
  to: number
}

export class StepsInFlight {
  /** By payment. */
  private readonly flights = new Map<string, Flight[]>()

  /** Notes the steps a committed turn begins and ends. */
  turn(turn: Turn): void {
    for (const { address, kind, event } of turn.events) {
      if (kind !== 'payment') continue
      const flights = this.flights.get(address) ?? []
      this.flights.set(address, flights)
      const last = flights[flights.length - 1]
      if (begins.has(event))
        flights.push({ place: placeOf(turn), from: turn.durableAt, to: Infinity })
      else if (ends.has(event) && last?.to === Infinity) last.to = turn.writtenAt
    }
  }

  /** @throws Violation for a read that was asked for and answered while a step was in flight */
  check(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const { request, result, invokedAt } = attempt
      if (request.type !== 'query' || result?.type !== 'answered') continue
      const seenAt = returnOf(attempt)
      const flight = this.flights
        .get(request.address)
        ?.find(({ from, to }) => from <= invokedAt && seenAt < to)
      if (flight === undefined) continue
      throw new Violation(
        'steps-in-flight',
        `${request.address} was read from ${invokedAt} to ${seenAt} ms, while the step of ${flight.place} was in flight.`,
      )
    }
  }
}
