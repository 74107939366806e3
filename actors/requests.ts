/**
 * From what a caller hands over to what an actor is asked: every field checked, addresses completed,
 * defaults filled in, so that the same request always has the same meaning and the same fingerprint.
 *
 * Q1. A request with an unknown field, or a field of the wrong shape, is refused before it is sent.
 */
import { Refused, type Address } from '../runtime/index.js'
import type { PayCommand } from './account/pay.js'
import type { Leg, Limits, OpenAccount, Pay } from './bank.js'
import { isCurrency } from './money/currency.js'
import { isAmount } from './money/minor-units.js'
import { partsOf } from './payment/derived-ids.js'
import { memoCharactersRefused, requestLimits as limits } from './request-limits.js'
import { paymentCodes, type PaymentCode } from './refusals.js'

/** Characters of ids by code. Checked in a loop: a regular expression takes several times as long. */
const idCharacters = new Uint8Array(128)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-') {
  idCharacters[character.charCodeAt(0)] = 1
}

/** True when the text from a place on is an id. */
function isIdFrom(text: string, from: number): boolean {
  const { length } = text
  if (length <= from || length - from > limits.idCharactersMax) return false
  for (let i = from; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || idCharacters[code] === 0) return false
  }
  return true
}

function isAddress(text: string): boolean {
  if (text.startsWith('account/')) return isIdFrom(text, 8)
  return text.startsWith('merchant/') && isIdFrom(text, 9)
}

function isKey(text: string): boolean {
  const { length } = text
  if (length === 0 || length > limits.idempotencyKeyCharactersMax) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

/** The refusal of a code, as clients throw it. */
export function refused(code: PaymentCode, detail: string = paymentCodes[code].detail): Refused {
  return new Refused(code, detail)
}

function invalid(detail: string): Refused {
  return refused('invalid_request', detail)
}

/** Refuses what is no object, and fields that are not among `known`. */
function checkFields(request: unknown, known: ReadonlySet<string>): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw invalid('The request must be an object.')
  }
  for (const field in request) {
    if (!known.has(field)) throw invalid(`The field "${field.slice(0, 64)}" is unknown.`)
  }
}

export function checkId(value: unknown, field = 'id'): string {
  if (typeof value === 'string' && isIdFrom(value, 0)) return value
  throw invalid(
    `${field} must be 1 to 128 characters of A-Z, a-z, 0-9, ".", "_", ":", "@" and "-".`,
  )
}

/**
 * Checks the id of what is to be opened. "." and ".." are steps in a path, so nobody could reach them by
 * URL; journals may hold some from before this check, which are asked for as ever.
 */
function checkNewId(value: unknown): string {
  const id = checkId(value)
  if (id !== '.' && id !== '..') return id
  throw invalid('id must be another than "." and "..", which mean steps in the path of a URL.')
}

/** Completes an address: a bare id is one of `kind`. */
export function checkAddress(value: unknown, field: string, kind: 'account' | 'merchant'): Address {
  if (typeof value === 'string') {
    if (isAddress(value)) return value
    if (isIdFrom(value, 0)) return `${kind}/${value}`
  }
  throw invalid(
    `${field} must be an id, or "account/" or "merchant/" and an id, of 1 to 128 characters of A-Z, a-z, 0-9, ".", "_", ":", "@" and "-".`,
  )
}

function checkAmount(value: unknown, field = 'amount'): number {
  if (isAmount(value)) return value
  throw invalid(`${field} must be a whole number of minor units from 1 to 9007199254740991.`)
}

function checkCurrency(value: unknown): string {
  if (isCurrency(value)) return value
  throw invalid('currency must be a code of ISO 4217 such as "CNY".')
}

function checkWhole(value: unknown, field: string, min: number, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number
  }
  throw invalid(`${field} must be a whole number from ${min} to ${max}.`)
}

/** Checks an idempotency key. */
export function checkKey(value: unknown): string {
  if (typeof value === 'string' && isKey(value)) return value
  if (value === undefined) throw refused('idempotency_key_missing')
  throw invalid('idempotencyKey must be 1 to 255 printable ASCII characters.')
}

/** Checks the id of a payment: what can't be one names nothing. */
export function checkPaymentId(value: unknown, shards: number): string {
  if (typeof value !== 'string') throw invalid('payment must be the id of a payment.')
  const parts = partsOf('p', value)
  if (parts === undefined || parts.shard >= shards) throw refused('not_found')
  return value
}

const accountFields = new Set(['id', 'currency', 'creditLimit'])
const merchantFields = new Set(['id', 'currency'])

export function openInput(request: OpenAccount, kind: 'account' | 'merchant') {
  checkFields(request, kind === 'account' ? accountFields : merchantFields)
  const { creditLimit } = request
  return {
    id: checkNewId(request.id),
    currency: checkCurrency(request.currency),
    creditLimit:
      creditLimit === undefined
        ? 0
        : checkWhole(creditLimit, 'creditLimit', 0, Number.MAX_SAFE_INTEGER),
  }
}

const limitFields = new Set(['perPayment', 'perDay'])

export function limitsInput(asked: Limits): { perPayment: number; perDay: number } {
  checkFields(asked, limitFields)
  const { perPayment, perDay } = asked
  return {
    perPayment: perPayment === undefined ? 0 : checkAmount(perPayment, 'perPayment'),
    perDay: perDay === undefined ? 0 : checkAmount(perDay, 'perDay'),
  }
}

const cashFields = new Set(['account', 'amount', 'currency', 'idempotencyKey'])

export function cashInput(request: { amount: number; currency: string }) {
  checkFields(request, cashFields)
  return { amount: checkAmount(request.amount), currency: checkCurrency(request.currency) }
}

const refusedInMemo = new RegExp(`[${memoCharactersRefused}]`, 'u')

/** Characters are counted as people and JSON schemas do: one outside the first plane is one. */
function isMemo(value: unknown): value is string {
  if (typeof value !== 'string') return false
  const { length } = value
  if (length === 0) return true
  if (length > 2 * limits.memoCharactersMax) return false
  if (length > limits.memoCharactersMax && Array.from(value).length > limits.memoCharactersMax)
    return false
  return !refusedInMemo.test(value)
}

const payFields = new Set([
  'payer',
  'payee',
  'amount',
  'currency',
  'capture',
  'expiresInSeconds',
  'memo',
  'idempotencyKey',
])

/** @param payer the payer's full address */
export function payInput(request: Pay, payer: Address): PayCommand {
  checkFields(request, payFields)
  const { expiresInSeconds, memo } = request
  // Callers without types may send anything.
  const capture: unknown = request.capture
  const payee = checkAddress(request.payee, 'payee', 'merchant')
  if (payee === payer) throw invalid('payer and payee must be two accounts.')
  const manual = capture === 'manual'
  if (!manual && capture !== undefined && capture !== 'automatic') {
    throw invalid('capture must be "automatic" or "manual".')
  }
  const seconds =
    expiresInSeconds === undefined
      ? limits.expiresInSecondsDefault
      : checkWhole(expiresInSeconds, 'expiresInSeconds', 1, limits.expiresInSecondsMax)
  if (memo !== undefined && !isMemo(memo)) {
    throw invalid(
      `memo must be a text of at most ${limits.memoCharactersMax} characters without control characters.`,
    )
  }
  // Fields in the order of their names: what is to be hashed need not be sorted.
  return {
    amount: checkAmount(request.amount),
    currency: checkCurrency(request.currency),
    // An automatic payment has no hold to expire; what was asked for still tells two requests apart.
    expiresInMs: manual || seconds !== limits.expiresInSecondsDefault ? seconds * 1000 : 0,
    manual,
    memo: memo ?? '',
    payee,
  }
}

const captureFields = new Set(['payment', 'amount', 'final', 'idempotencyKey'])

export function captureInput(request: { amount?: number; final?: boolean }) {
  checkFields(request, captureFields)
  const { amount, final } = request
  if (final !== undefined && typeof final !== 'boolean') {
    throw invalid('final must be true or false.')
  }
  return {
    ...(amount === undefined ? {} : { amount: checkAmount(amount) }),
    ...(final === true ? { final } : {}),
  }
}

const voidFields = new Set(['payment', 'idempotencyKey'])

export function voidInput(request: object): null {
  checkFields(request, voidFields)
  return null
}

const refundFields = new Set(['payment', 'amount', 'idempotencyKey'])

export function refundInput(request: { amount?: number }) {
  checkFields(request, refundFields)
  return request.amount === undefined ? {} : { amount: checkAmount(request.amount) }
}

const transferFields = new Set(['legs', 'idempotencyKey'])
const legFields = new Set(['payer', 'payee', 'amount', 'currency'])

export function transferInput(request: { legs: readonly Leg[] }): { legs: readonly Leg[] } {
  checkFields(request, transferFields)
  const { legs } = request
  if (!Array.isArray(legs) || legs.length < 1 || legs.length > limits.legsMax) {
    throw invalid(`legs must be a list of 1 to ${limits.legsMax} legs.`)
  }
  // Not map: it would pass over holes.
  return { legs: Array.from(legs as readonly Leg[], legInput) }
}

function legInput(leg: Leg): Leg {
  checkFields(leg, legFields)
  const payer = checkAddress(leg.payer, 'payer', 'account')
  const payee = checkAddress(leg.payee, 'payee', 'merchant')
  if (payer === payee) throw invalid('payer and payee of a leg must be two accounts.')
  return {
    payer,
    payee,
    amount: checkAmount(leg.amount),
    currency: checkCurrency(leg.currency),
  }
}

const historyFields = new Set(['limit', 'before'])

export function historyInput(options: { limit?: number; before?: number }) {
  checkFields(options, historyFields)
  const { limit, before } = options
  return {
    limit:
      limit === undefined
        ? limits.historyEntriesDefault
        : checkWhole(limit, 'limit', 1, limits.historyEntriesMax),
    ...(before === undefined
      ? {}
      : { before: checkWhole(before, 'before', 1, Number.MAX_SAFE_INTEGER) }),
  }
}

export function atInput(at: number | undefined): { at?: number } {
  return at === undefined ? {} : { at: checkWhole(at, 'at', 0, Number.MAX_SAFE_INTEGER) }
}
