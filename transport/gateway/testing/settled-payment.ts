/** A payment that a bank of a test answers with, whatever it was asked. */
import type { PaymentView } from '../../../actors/index.js'

export const settledPayment: PaymentView = {
  id: 'p0-1',
  status: 'settled',
  payer: 'account/alice',
  payee: 'merchant/shop',
  amount: 1,
  captured: 1,
  refunded: 0,
  currency: 'CNY',
  createdAt: 0,
  settledAt: 0,
}
