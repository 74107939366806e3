/**
 * A payment as JSON text, for the two paths where writing it is a noticeable part of the cost: payments
 * read directly, and lines of batches.
 *
 * J1. The text is what the server writes for `paymentJson` of the same payment, byte for byte.
 */
import type { PaymentView, Reply } from '../../../actors/index.js'
import { isoTime } from '../request/moment.js'

/** Ids, addresses and words of a payment hold nothing that JSON escapes; only `memo` is anybody's text. */
export function paymentText(view: PaymentView): string {
  return `${fields(view)}}`
}

/** The same as a line of a batch, which says by itself that it is a remembered answer. */
export function paymentLine({ value, replayed }: Reply<PaymentView>): string {
  return replayed ? `${fields(value)},"idempotentReplayed":true}` : paymentText(value)
}

function fields(view: PaymentView): string {
  const { settledAt, expiresAt, memo, failure } = view
  let text = `{"id":"${view.id}","status":"${view.status}","payer":"${view.payer}","payee":"${view.payee}","amount":${view.amount},"captured":${view.captured},"refunded":${view.refunded},"currency":"${view.currency}","createdAt":"${isoTime(view.createdAt)}"`
  if (settledAt !== undefined) text += `,"settledAt":"${isoTime(settledAt)}"`
  if (expiresAt !== undefined) text += `,"expiresAt":"${isoTime(expiresAt)}"`
  if (memo !== undefined) text += `,"memo":${JSON.stringify(memo)}`
  if (failure !== undefined) text += `,"failure":${JSON.stringify(failure)}`
  return text
}
