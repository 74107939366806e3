/**
 * Who asks, and what they may do. Scopes: `pay` as named accounts or any, `read` of everything,
 * `operator`. Nothing implies `pay`; `operator` implies `read`; whoever may pay as an account may
 * read it, and the payments it takes part in.
 *
 * W1. Whether something exists is told only to callers who may know it: what is not theirs and what
 *     is not there get the same answer.
 */
import { GatewayRefusal } from '../problem/problem.js'

/** What a route asks of its caller before the body is read. */
export type Access =
  /** Anybody, without a key. */
  | 'open'
  /** The scope `pay`; which accounts is checked when they are known. */
  | 'pay'
  /** The scope `read`, or `pay` for what is one's own. */
  | 'own'
  /** The scope `read`. */
  | 'read'
  | 'operator'

/** Scopes of a caller. */
export interface Scopes {
  /** Full addresses whose money may be moved; `*`: all. */
  readonly payAs: '*' | ReadonlySet<string>
  readonly read: boolean
  readonly operator: boolean
}

export class Caller {
  private readonly scopes: Scopes

  constructor(scopes: Scopes) {
    this.scopes = scopes
  }

  /** True when every account is this caller's to pay from. */
  get paysAsAnyone(): boolean {
    return this.scopes.payAs === '*'
  }

  /** True when it may read everything. */
  get readsAll(): boolean {
    return this.scopes.read || this.scopes.operator
  }

  /** May it use a route at all? */
  mayUse(access: Access): boolean {
    switch (access) {
      case 'open':
        return true
      case 'pay':
        return this.pays()
      case 'own':
        return this.readsAll || this.pays()
      case 'read':
        return this.readsAll
      case 'operator':
        return this.scopes.operator
    }
  }

  /** @param address full address @throws GatewayRefusal forbidden */
  mustPayAs(address: string): void {
    if (this.owns(address)) return
    throw new GatewayRefusal('forbidden', 'This API key may not pay as this payer.')
  }

  /** @param address full address @throws GatewayRefusal forbidden */
  mustRead(address: string): void {
    if (this.readsAll || this.owns(address)) return
    throw new GatewayRefusal('forbidden', 'This API key may not read this account.')
  }

  /** True for accounts it may pay as. @param address full address */
  owns(address: string): boolean {
    const { payAs } = this.scopes
    return payAs === '*' || payAs.has(address)
  }

  private pays(): boolean {
    const { payAs } = this.scopes
    return payAs === '*' || payAs.size > 0
  }
}

/** The caller of a gateway without keys: everything is allowed. */
export const everybody = new Caller({ payAs: '*', read: true, operator: true })

/** Completes an address that was checked before: a bare id is one of `kind`. */
export function fullAddress(party: string, kind: 'account' | 'merchant'): string {
  return party.includes('/') ? party : `${kind}/${party}`
}
