/**
 * A bank that answers everything with one error: for codes that only failing machines, or parts of the
 * domain not built yet, can give.
 */
import type { Bank } from '../../../actors/index.js'

export function failingBank(error: () => Error): Bank {
  const fail = () => Promise.reject(error())
  const keyed = {
    deposit: fail,
    withdraw: fail,
    pay: fail,
    capture: fail,
    voidPayment: fail,
    refund: fail,
    transfer: fail,
  }
  return {
    ...keyed,
    openAccount: fail,
    openMerchant: fail,
    account: fail,
    merchant: fail,
    freeze: fail,
    unfreeze: fail,
    close: fail,
    setLimits: fail,
    payment: fail,
    history: fail,
    balanceAt: fail,
    audit: fail,
    keyed,
  }
}
