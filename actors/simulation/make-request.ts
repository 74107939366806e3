/** The requests of the payment workload, as the bank's client would send them to the actors. */
import { addressOf } from '../../runtime/index.js'
import type { PayCommand } from '../account/pay.js'
import type { OperationRequest, Random } from './kit.js'
import type { WorkloadShape } from './shape.js'

export class MakeRequest {
  private readonly random: Random
  private readonly shape: WorkloadShape
  private nextKey = 1

  constructor(random: Random, shape: WorkloadShape) {
    this.random = random
    this.shape = shape
  }

  query(address: string, name: string, input: unknown): OperationRequest {
    return { type: 'query', address, name, input }
  }

  queryPayment(id: string): OperationRequest {
    return this.query(addressOf('payment', id), 'view', null)
  }

  command(address: string, name: string, input: unknown): OperationRequest {
    return { type: 'command', address, name, input }
  }

  keyed(address: string, name: string, input: unknown): OperationRequest {
    return { type: 'command', address, name, input, key: `k${this.nextKey++}` }
  }

  /** Another request with the same key; the same one where there is only one. */
  otherThan(request: OperationRequest): OperationRequest {
    const input = request.input as Record<string, unknown> | null
    if (input === null) return request
    if (Array.isArray(input['legs'])) {
      const legs = input['legs'] as unknown[]
      return { ...request, input: { legs: [...legs, legs[0]] } }
    }
    const amount = typeof input['amount'] === 'number' ? input['amount'] : 0
    return { ...request, input: { ...input, amount: amount + 1 } }
  }

  amount(): number {
    return this.random.whole(1, this.shape.amountMax)
  }

  pay(payee: string, currency: string, manual: boolean): PayCommand {
    const { random, shape } = this
    return {
      payee,
      amount: this.amount(),
      currency,
      manual,
      expiresInMs: manual ? random.whole(1, shape.expiryMsMax) : 0,
      memo: random.chance(0.3) ? 'lunch' : '',
    }
  }

  /** @param amount of the payment */
  step(kind: 'capture' | 'void' | 'refund', amount: number): object | null {
    const { random } = this
    if (kind === 'void') return null
    const part = random.chance(0.4) ? {} : { amount: random.whole(1, amount + 1) }
    return kind === 'capture' && random.chance(0.3) ? { ...part, final: true } : part
  }

  limits(): { perPayment: number; perDay: number } {
    const { random } = this
    const { amountMax } = this.shape
    return {
      perPayment: random.chance(0.5) ? random.whole(1, amountMax) : 0,
      perDay: random.chance(0.7) ? random.whole(1, amountMax * 4) : 0,
    }
  }
}
