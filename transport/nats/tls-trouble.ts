/**
 * Why a TLS connection to NATS did not come about, in words that say what to do.
 *
 * With TLS 1.3 a server refuses a client's certificate after the client took the connection for made,
 * and the client library then waits in vain. So a server that did not answer is asked once whether it
 * wants certificates, which it says in its very first line.
 */
import { createConnection } from 'node:net'

const patienceMs = 1_000
const lineMax = 64 * 1024
const portDefault = 4222

/** Codes of Node's TLS, and what an operator makes of them. */
const words: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no authority known here has signed the server’s certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'no authority known here has signed the server’s certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no authority known here has signed the server’s certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'no authority known here has signed the server’s certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'no authority known here has signed the server’s certificate',
  CERT_HAS_EXPIRED: 'the server’s certificate has expired',
  CERT_NOT_YET_VALID: 'the server’s certificate is not valid yet; look at the clocks',
}

/** @returns undefined when the error has nothing to do with TLS */
export function tlsTrouble(error: Error): string | undefined {
  const causes = [error, (error as { cause?: unknown }).cause]
  for (const cause of causes) {
    const { code } = (cause ?? {}) as { code?: unknown }
    if (typeof code === 'string' && words[code] !== undefined) return words[code]
  }
  if (/does not support 'tls'/.test(error.message)) return 'the server speaks no TLS'
  return /certificate|\btls|ssl|self.signed|PEM|key values mismatch/i.test(error.message)
    ? error.message
    : undefined
}

/** Whether a server that did not answer says that clients must show a certificate. */
export function wantsCertificate(server: string): Promise<boolean> {
  const { hostname, port } = new URL(server.includes('://') ? server : `nats://${server}`)
  return new Promise((resolve) => {
    let said = ''
    const socket = createConnection(Number(port) || portDefault, hostname)
    const end = (): void => {
      socket.destroy()
      resolve(/^INFO .*"tls_verify":\s*true/.test(said))
    }
    socket.setTimeout(patienceMs, end)
    socket.on('error', end)
    socket.on('close', end)
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1')
      if (said.includes('\n') || said.length > lineMax) end()
    })
  })
}
