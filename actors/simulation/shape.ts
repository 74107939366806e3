/**
 * The shape of one seed's workload: which operations there are and how often, how many accounts, how
 * tight the money. Leaving whole kinds of operations out finds more than mixing all of them every time
 * (swarm testing: Groce et al., 2012).
 */

/** What clients do, each with its largest weight: what ends a run early stays rare. */
const weightsMax = {
  pay: 10,
  hold: 10,
  capture: 8,
  void: 4,
  refund: 8,
  transfer: 6,
  deposit: 4,
  withdraw: 3,
  freeze: 1,
  close: 1,
  limits: 1,
  open: 1,
  again: 5,
  conflict: 3,
  readAccount: 6,
  readPayment: 6,
  readBalance: 2,
} as const
export type OperationKind = keyof typeof weightsMax
export const operationKinds = Object.keys(weightsMax) as readonly OperationKind[]

export interface WorkloadShape {
  readonly clients: number
  readonly operations: number
  readonly accounts: number
  readonly merchants: number
  readonly currencies: readonly string[]
  /** Weight of each kind; 0 leaves it out. */
  readonly weights: Readonly<Record<OperationKind, number>>
  /** Money each account begins with. */
  readonly balance: number
  readonly amountMax: number
  /** Share of operations that go to the first account and merchant. */
  readonly hotShare: number
  readonly creditLimit: number
  readonly perPayment: number
  readonly perDay: number
  /** Of holds. */
  readonly expirySecondsMax: number
  /** Between two operations of one client. */
  readonly pauseMsMax: number
  /** Share of unknown outcomes that are asked again at once, not only in the end. */
  readonly retryShare: number
}

/** Numbers in [0, 1). */
export type Random = () => number

export function whole(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1))
}

export function oneOf<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!
}

/** Draws the shape of a seed. */
export function drawShape(random: Random): WorkloadShape {
  const weights = Object.fromEntries(
    operationKinds.map((kind) => [kind, random() < 0.75 ? whole(random, 1, weightsMax[kind]) : 0]),
  ) as Record<OperationKind, number>
  // Without payments of any kind there is nothing to see.
  if (weights.pay + weights.hold + weights.transfer === 0) weights.pay = 4
  if (weights.capture + weights.void > 0 && weights.hold === 0) weights.hold = 4
  const balance = oneOf(random, [30, 300, 5_000])
  const amountMax = oneOf(random, [10, 60, Math.max(10, balance / 2)])
  return {
    clients: whole(random, 2, 8),
    operations: whole(random, 60, 220),
    accounts: whole(random, 2, 7),
    merchants: whole(random, 1, 3),
    currencies: random() < 0.8 ? ['CNY'] : ['CNY', 'JPY'],
    weights,
    balance,
    amountMax,
    hotShare: oneOf(random, [0, 0.3, 0.8]),
    creditLimit: oneOf(random, [0, 0, 50]),
    perPayment: oneOf(random, [0, 0, amountMax - 1]),
    perDay: oneOf(random, [0, 0, amountMax * 3]),
    expirySecondsMax: oneOf(random, [1, 5, 40, 4_000]),
    pauseMsMax: oneOf(random, [0, 20, 400]),
    retryShare: oneOf(random, [0.3, 0.7, 1]),
  }
}
