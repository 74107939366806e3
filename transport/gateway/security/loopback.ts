/**
 * Which addresses only this machine can reach, and which names a request may call us by.
 *
 * H1. Without API keys only requests to a loopback name are answered. Otherwise a web page could
 *     point a name of its own at 127.0.0.1 and move money through its visitor's browser. A target that is a
 *     whole URL names the host, whatever the header Host says (RFC 9112, 3.2.2).
 */
import { isIPv4, isIPv6 } from 'node:net'

/** True for addresses that only this machine reaches; false for names other than localhost. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  if (name === 'localhost') return true
  if (isIPv4(name)) return name.startsWith('127.')
  return isIPv6(name) && (name === '::1' || name === '0:0:0:0:0:0:0:1')
}

/** The host and port in a request's target, when it is a whole URL; undefined when it is a path. */
export function authorityOf(target: string | undefined): string | undefined {
  if (target === undefined || target.startsWith('/')) return undefined
  return /^https?:\/\/([^/?#]*)/i.exec(target)?.[1]
}

/** Remembers the names that were found good, so that checking one costs a lookup. */
export class LoopbackNames {
  private readonly good = new Set<string>()

  /** @param header the header Host, or what stands for it */
  has(header: string | undefined): boolean {
    if (header === undefined) return false
    if (this.good.has(header)) return true
    const name = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header)
    if (name === null || !isLoopback(name[1] ?? name[2] ?? '')) return false
    // Bounded: there are few loopback names, but any port can be written behind them.
    if (this.good.size < 64) this.good.add(header)
    return true
  }
}
