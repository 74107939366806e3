/**
 * The gate every request passes before its body is read: who asks, and may they use this route?
 */
import { GatewayRefusal } from '../problem/problem.js'
import type { ApiKeys } from './api-keys.js'
import { everybody, type Access, type Caller } from './caller.js'
import { LoopbackNames } from './loopback.js'

/** The headers that are looked at. */
export interface GateHeaders {
  readonly host?: string | undefined
  readonly authorization?: string | undefined
}

export class Gate {
  private readonly keys: ApiKeys | undefined
  private readonly names = new LoopbackNames()

  /** @param keys none: everybody on this machine may do everything */
  constructor(keys: ApiKeys | undefined) {
    this.keys = keys
  }

  /** @throws GatewayRefusal unauthorized, forbidden */
  admit(headers: GateHeaders, access: Access): Caller {
    if (access === 'open') return everybody
    if (this.keys === undefined) {
      if (this.names.has(headers.host)) return everybody
      throw new GatewayRefusal(
        'forbidden',
        'Without API keys this server answers only requests to a loopback name, such as localhost.',
      )
    }
    const caller = this.callerOf(headers.authorization, this.keys)
    if (!caller.mayUse(access)) throw new GatewayRefusal('forbidden')
    return caller
  }

  private callerOf(authorization: string | undefined, keys: ApiKeys): Caller {
    if (authorization === undefined) throw new GatewayRefusal('unauthorized')
    const scheme = authorization.slice(0, 7).toLowerCase()
    const caller = scheme === 'bearer ' ? keys.callerOf(authorization.slice(7).trim()) : undefined
    if (caller !== undefined) return caller
    throw new GatewayRefusal('unauthorized', 'This API key is not known here.', {
      'www-authenticate': 'Bearer realm="suanpan", error="invalid_token"',
    })
  }
}
