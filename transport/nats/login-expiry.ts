/** Whether a login is over: servers refuse one whose time is over in the same words as one they never knew. */
import { readFileSync } from 'node:fs'

const jwtInCredentials = /BEGIN NATS USER JWT-+\s+[^.\s]+\.([^.\s]+)\.\S+/

/** @returns when the JWT of a credentials file has expired; undefined when it has not, or nobody can tell */
export function expiredAt(credentialsFile: string, now: number): Date | undefined {
  try {
    const [, claims = ''] = jwtInCredentials.exec(readFileSync(credentialsFile, 'utf8')) ?? []
    const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp?: unknown }
    if (typeof exp !== 'number' || exp === 0 || exp * 1_000 > now) return undefined
    return new Date(exp * 1_000)
  } catch {
    return undefined
  }
}
