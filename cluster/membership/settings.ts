/**
 * How long a node's word holds: the times of leases, of renewals and of declaring somebody dead, and
 * how they must stand to each other for the rules of this room to be true.
 */

/** Times of leases, in ms. */
export interface LeaseSettings {
  /** A lease holds this long after its renewal was sent. @default 2,000 */
  readonly leaseMs: number
  /** A lease is renewed this often. @default 400 */
  readonly renewMs: number
  /** Waited beyond a lease before somebody silent is dead: what clocks may differ in their pace. @default 300 */
  readonly marginMs: number
  /** A renewal without a reply is given up after this and settled by reading. @default 800 */
  readonly attemptMs: number
}

export const leaseDefaults: LeaseSettings = {
  leaseMs: 2_000,
  renewMs: 400,
  marginMs: 300,
  attemptMs: 800,
}

/** Fills in defaults and checks the times against each other. @throws RangeError with a sentence */
export function leaseSettings(given: Partial<LeaseSettings> = {}): LeaseSettings {
  const settings = { ...leaseDefaults, ...given }
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 3_600_000) {
      throw new RangeError(`${name} must be a whole number of ms from 1 to 3,600,000.`)
    }
  }
  const { leaseMs, renewMs, marginMs, attemptMs } = settings
  if (leaseMs < renewMs * 3) {
    throw new RangeError(
      `leaseMs (${leaseMs}) must be at least three times renewMs (${renewMs}): one lost renewal must not end a lease.`,
    )
  }
  if (renewMs + attemptMs >= leaseMs) {
    throw new RangeError(
      `renewMs + attemptMs (${renewMs + attemptMs}) must be less than leaseMs (${leaseMs}): a renewal without a reply must leave time for another.`,
    )
  }
  if (marginMs * 10 < leaseMs) {
    throw new RangeError(
      `marginMs (${marginMs}) must be at least a tenth of leaseMs (${leaseMs}): clocks differ in their pace.`,
    )
  }
  return settings
}

/** ms without a change after which a holder's lease has run out for certain. */
export function silenceMs({ leaseMs, marginMs }: LeaseSettings): number {
  return leaseMs + marginMs
}

/**
 * The longest pause between two own renewals that leaves an observer's judgement standing: after an
 * outage that was no longer than this, everybody renews before anybody's silence is full.
 */
export function steadyGapMs({ leaseMs }: LeaseSettings): number {
  return leaseMs / 2
}
