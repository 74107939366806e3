/**
 * API keys: made once, stored hashed, compared in constant time.
 *
 * A key is `suanpan_ID_SECRET`: a public id of 16 hex digits and 256 random bits in base64url. The
 * file of keys is JSON and holds no secret:
 *
 *   { "keys": [ { "id": "0123456789abcdef", "name": "checkout", "sha256": "<64 hex digits>",
 *                 "scopes": ["pay", "read"], "payAs": ["account/alice"], "createdAt": "…" } ] }
 *
 * `sha256` is the hash of the whole key. `payAs` goes with the scope `pay`: full addresses, or "*".
 *
 * K1. 256 random bits need no slow hash and no salt: there is nothing to guess.
 * K2. An unknown id costs the same hash and the same comparison as a known one.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Caller } from './caller.js'
import { GatewayConfigError } from './gateway-config-error.js'

export type ApiKeyScope = 'pay' | 'read' | 'operator'

/** A key as it is stored: who it is and what it may do, without the secret. */
export interface ApiKeyRecord {
  readonly id: string
  /** For people. */
  readonly name: string
  /** SHA-256 of the whole key, 64 hex digits. */
  readonly sha256: string
  readonly scopes: readonly ApiKeyScope[]
  /** With the scope `pay`: full addresses, or `*` for all. */
  readonly payAs?: '*' | readonly string[]
  /** ISO 8601. */
  readonly createdAt?: string
}

const keyForm = /^suanpan_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/
const addressForm = /^(?:account|merchant)\/[A-Za-z0-9._:@-]{1,128}$/
const scopeWords: readonly string[] = ['pay', 'read', 'operator'] satisfies ApiKeyScope[]

/** What a new key may do. */
export interface NewApiKey {
  readonly name: string
  readonly scopes: readonly ApiKeyScope[]
  readonly payAs?: '*' | readonly string[]
}

/**
 * Makes a key. `key` is the only copy of the secret: show it once; store `record`.
 * @throws GatewayConfigError api_keys_invalid
 */
export function generateApiKey(wanted: NewApiKey): {
  readonly key: string
  readonly record: ApiKeyRecord
} {
  const id = randomBytes(8).toString('hex')
  const key = `suanpan_${id}_${randomBytes(32).toString('base64url')}`
  const sha256 = hash('sha256', key, 'hex')
  const record = { id, ...wanted, sha256, createdAt: new Date().toISOString() }
  checkRecord(record, 0)
  return { key, record }
}

/** Reads a file of keys. @throws GatewayConfigError api_keys_invalid */
export async function readApiKeyFile(path: string): Promise<ApiKeyRecord[]> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw invalid(
      `The file of API keys ${path} can't be read: ${reasonOf(error)}; mend it or name another file.`,
    )
  }
  const keys = (content as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) {
    const what = `The file of API keys ${path} has no list "keys"`
    throw invalid(`${what}; mend it or name another file.`)
  }
  return (keys as unknown[]).map((record, index) => {
    checkRecord(record as ApiKeyRecord, index)
    return record as ApiKeyRecord
  })
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is no JSON'
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'it is not there'
  return code === 'EISDIR' ? 'it is a folder' : message
}

interface Holder {
  readonly digest: Buffer
  readonly caller: Caller
}

/** The keys of a gateway. */
export class ApiKeys {
  private readonly holders = new Map<string, Holder>()
  private readonly nobody: Holder

  /** @throws GatewayConfigError api_keys_invalid */
  constructor(records: readonly ApiKeyRecord[]) {
    records.forEach((record, index) => {
      checkRecord(record, index)
      if (this.holders.has(record.id)) throw invalid(`Two API keys have the id ${record.id}.`)
      const payAs = record.scopes.includes('pay') ? (record.payAs ?? []) : []
      const caller = new Caller({
        payAs: payAs === '*' ? '*' : new Set(payAs),
        read: record.scopes.includes('read'),
        operator: record.scopes.includes('operator'),
      })
      this.holders.set(record.id, { digest: Buffer.from(record.sha256, 'hex'), caller })
    })
    const caller = new Caller({ payAs: new Set(), read: false, operator: false })
    this.nobody = { digest: randomBytes(32), caller }
  }

  /** @returns the caller of a key, undefined for one that is none of these */
  callerOf(key: string): Caller | undefined {
    const match = keyForm.exec(key)
    if (match === null) return undefined
    const holder = this.holders.get(match[1]!) ?? this.nobody
    const same = timingSafeEqual(hash('sha256', key, 'buffer'), holder.digest)
    return same && holder !== this.nobody ? holder.caller : undefined
  }
}

function checkRecord(record: ApiKeyRecord, index: number): void {
  // Records come from files and callers without types: every field is checked.
  const fields = record as Partial<Record<keyof ApiKeyRecord, unknown>> | null
  const { id, name, sha256, scopes, payAs } = fields ?? {}
  const which = typeof name === 'string' ? `API key "${name}"` : `API key number ${index + 1}`
  if (typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id)) {
    throw invalid(`${which} has no id of 16 hex digits.`)
  }
  if (typeof name !== 'string' || name === '') throw invalid(`${which} has no name.`)
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalid(`${which} has no sha256 of 64 hex digits.`)
  }
  if (!Array.isArray(scopes) || scopes.length === 0) throw invalid(`${which} has no scopes.`)
  const unknown = (scopes as unknown[]).map(String).find((scope) => !scopeWords.includes(scope))
  if (unknown !== undefined) {
    throw invalid(`${which} has the scope "${unknown}"; there are pay, read and operator.`)
  }
  if (scopes.includes('pay') !== (payAs !== undefined)) {
    throw invalid(`${which} needs "payAs" exactly when it has the scope pay.`)
  }
  if (payAs === undefined || payAs === '*') return
  if (!Array.isArray(payAs) || payAs.length === 0) throw invalid(`${which} pays as nobody.`)
  const wrong = (payAs as unknown[]).map(String).find((address) => !addressForm.test(address))
  if (wrong !== undefined) {
    throw invalid(`${which} pays as "${wrong}", which is no full address such as account/alice.`)
  }
}

function invalid(detail: string): GatewayConfigError {
  return new GatewayConfigError('api_keys_invalid', detail)
}
