/** Schemas of single fields. `x-rule` finishes the sentence “… must be …” of a refusal. */
import { memoCharactersRefused } from '../../../actors/index.js'
import { gatewayLimits as limits } from '../limits.js'
import type { Schema } from './schema.js'

const idCharacters = `[A-Za-z0-9._:@-]{1,${limits.idCharactersMax}}`
const idWords = `1 to ${limits.idCharactersMax} characters of A-Z, a-z, 0-9, ".", "_", ":", "@" and "-"`

export const idField: Schema = {
  type: 'string',
  pattern: `^${idCharacters}$`,
  description: `An id: ${idWords}.`,
  'x-rule': idWords,
  examples: ['alice'],
}

const newIdWords = `${idWords}, but not "." or ".."`

/** The id of what is to be opened: "." and ".." are steps in a path, so no URL would lead there. */
export const newIdField: Schema = {
  type: 'string',
  pattern: `^(?!\\.{1,2}$)${idCharacters}$`,
  description: `An id: ${newIdWords}.`,
  'x-rule': newIdWords,
  examples: ['alice'],
}

/** What a request names an account by. */
export function partyField(bare: 'account' | 'merchant'): Schema {
  return {
    type: 'string',
    pattern: `^(?:(?:account|merchant)/)?${idCharacters}$`,
    description: `An address, \`account/ID\` or \`merchant/ID\`; a bare id is ${bare === 'account' ? 'an account' : 'a merchant'}.`,
    'x-rule': `an id, or "account/" or "merchant/" and an id, of ${idWords}`,
    examples: [bare === 'account' ? 'account/alice' : 'merchant/starbucks'],
  }
}

/** A full address in an answer. */
export const addressField: Schema = {
  type: 'string',
  description: 'A full address: `account/ID` or `merchant/ID`.',
  examples: ['account/alice'],
}

/** Address of any actor, as operators name it. */
export const actorAddressField: Schema = {
  type: 'string',
  pattern: `^[A-Za-z0-9_.-]{1,64}/.{1,${limits.addressCharactersMax - 65}}$`,
  description: 'Address of an actor: its kind, a slash and its key.',
  'x-rule': 'the address of an actor: its kind, a slash and its key',
  examples: ['account/alice'],
}

/** Where a backup is to be made. */
export const backupTargetField: Schema = {
  type: 'string',
  // Half a surrogate pair would become another name on the disk.
  pattern: `^/[^\\u0000\\uD800-\\uDFFF]{1,${limits.pathCharactersMax - 1}}$`,
  description:
    'Absolute path, on the machine of the node, of the folder that the backup makes: it must not exist yet. Where a folder for backups is set, it lies in that.',
  'x-rule': 'an absolute path such as "/backups/monday"',
  examples: ['/backups/monday'],
}

export const amountField: Schema = {
  type: 'integer',
  minimum: 1,
  maximum: limits.amountMax,
  description: 'A whole number of minor units, written with digits only: 35.00 CNY is 3500.',
  examples: [3500],
}

/** An amount that may be zero, in a request. */
export const creditLimitField: Schema = {
  type: 'integer',
  minimum: 0,
  maximum: limits.amountMax,
  description: 'How far available may be below zero, in minor units.',
  default: 0,
}

export const currencyField: Schema = {
  type: 'string',
  format: 'iso-4217',
  description: 'A currency code of ISO 4217, upper case.',
  'x-rule': 'a code of ISO 4217 such as "CNY"',
  examples: ['CNY'],
}

export const memoField: Schema = {
  type: 'string',
  maxLength: limits.memoCharactersMax,
  pattern: `^[^${memoCharactersRefused}]*$`,
  description: 'A text for people.',
  'x-rule': `a text of at most ${limits.memoCharactersMax} characters without control characters`,
  examples: ['Order 42'],
}

export const idempotencyKeyField: Schema = {
  type: 'string',
  pattern: `^[\\x20-\\x7e]{1,${limits.idempotencyKeyCharactersMax}}$`,
  description: 'Names the request, so that it can be asked again without being done again.',
  'x-rule': `1 to ${limits.idempotencyKeyCharactersMax} printable ASCII characters`,
  examples: ['order-42'],
}

/** A moment in an answer. */
export function timeField(description: string): Schema {
  return {
    type: 'string',
    format: 'date-time',
    description,
    examples: ['2026-08-01T09:30:00.000Z'],
  }
}

/** A counter or other whole number in an answer. */
export function countField(description: string, minimum?: number): Schema {
  return { type: 'integer', ...(minimum === undefined ? {} : { minimum }), description }
}

/** One of a few words in an answer or request. */
export function wordField(words: readonly string[], description: string): Schema {
  return { type: 'string', enum: words, description }
}
