/**
 * Servers whose users are signed rather than listed, as `nsc` sets them up: an operator, an account
 * with JetStream, and credentials files of its users. For tests of `.creds` files.
 */
import { randomBytes } from 'node:crypto'
import { nkeys } from '@nats-io/transport-node'

type KeyPair = ReturnType<typeof nkeys.createUser>

/** What a user may do; everything when left out. */
export interface SignedPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

const utf8 = new TextEncoder()
const unlimited = -1

/** An operator, its system account, and one account whose users work with Suanpan. */
export class OperatorMode {
  private readonly operator = nkeys.createOperator()
  private readonly account = nkeys.createAccount()
  private readonly system = nkeys.createAccount()

  /** The part of a server's configuration that names them. */
  get config(): string {
    const operator = this.signed(this.operator, this.operator, 'operator', {})
    const accounts = [this.account, this.system].map((account) => {
      // The system account may hold no streams.
      const room = account === this.system ? {} : { mem_storage: -1, disk_storage: -1 }
      const counts = account === this.system ? {} : { streams: -1, consumer: -1 }
      const limits = {
        ...{ subs: unlimited, data: unlimited, payload: unlimited, conn: unlimited },
        ...{ leaf: unlimited, imports: unlimited, exports: unlimited, wildcards: true },
        ...room,
        ...counts,
      }
      const jwt = this.signed(this.operator, account, 'account', { limits })
      return `  ${account.getPublicKey()}: ${jwt}`
    })
    return [
      `operator: ${operator}`,
      `system_account: ${this.system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: {\n${accounts.join('\n')}\n}`,
    ].join('\n')
  }

  /** The content of a credentials file for a new user. */
  credentials(permissions?: SignedPermissions, expires?: Date): string {
    const user = nkeys.createUser()
    const claims = {
      ...{ subs: unlimited, data: unlimited, payload: unlimited },
      ...(permissions === undefined
        ? {}
        : { pub: { allow: permissions.publish }, sub: { allow: permissions.subscribe } }),
    }
    const jwt = this.signed(this.account, user, 'user', claims, expires)
    return (
      block('NATS USER JWT', jwt) +
      block('USER NKEY SEED', new TextDecoder().decode(user.getSeed()))
    )
  }

  private signed(
    by: KeyPair,
    whose: KeyPair,
    type: string,
    claims: object,
    expires?: Date,
  ): string {
    const header = encoded({ typ: 'JWT', alg: 'ed25519-nkey' })
    const body = encoded({
      jti: randomBytes(16).toString('hex'),
      iat: Math.floor(Date.now() / 1000),
      ...(expires === undefined ? {} : { exp: Math.floor(expires.getTime() / 1000) }),
      iss: by.getPublicKey(),
      name: type,
      sub: whose.getPublicKey(),
      nats: { ...claims, type, version: 2 },
    })
    const signature = by.sign(utf8.encode(`${header}.${body}`))
    return `${header}.${body}.${Buffer.from(signature).toString('base64url')}`
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function block(title: string, content: string): string {
  return `-----BEGIN ${title}-----\n${content}\n------END ${title}------\n\n`
}
