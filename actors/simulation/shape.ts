/**
 * The shape of one seed's workload: which operations there are and how often, how many accounts, how
 * tight the money. Leaving whole kinds of operations out finds more than mixing all of them every time
 * (swarm testing: Groce et al., 2012).
 */

import type { Random } from './kit.js'

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
  readonly expiryMsMax: number
}

/** Draws the shape of a seed. */
export function drawShape(random: Random): WorkloadShape {
  const weights = Object.fromEntries(
    operationKinds.map((kind) => [
      kind,
      random.chance(0.75) ? random.whole(1, weightsMax[kind]) : 0,
    ]),
  ) as Record<OperationKind, number>
  // Without payments of any kind there is nothing to see.
  if (weights.pay + weights.hold + weights.transfer === 0) weights.pay = 4
  if (weights.capture + weights.void > 0 && weights.hold === 0) weights.hold = 4
  const balance = random.pick([30, 300, 5_000])
  const amountMax = random.pick([10, 60, Math.max(10, balance / 2)])
  return {
    accounts: random.whole(2, 7),
    merchants: random.whole(1, 3),
    currencies: random.chance(0.8) ? ['CNY'] : ['CNY', 'JPY'],
    weights,
    balance,
    amountMax,
    hotShare: random.pick([0, 0.3, 0.8]),
    creditLimit: random.pick([0, 0, 50]),
    perPayment: random.pick([0, 0, amountMax - 1]),
    perDay: random.pick([0, 0, amountMax * 3]),
    expiryMsMax: random.pick([20, 300, 3_000, 60_000]),
  }
}
