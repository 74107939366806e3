/**
 * Certificates for tests of TLS: an authority made on the spot, and what it signs. X.509 as far as
 * that needs it, in DER, signed with keys of P-256; no tool has to be installed.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key as files in PEM form. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** True for one whose time is over. @default false */
  readonly expired?: boolean
  /** Host names it is for. @default localhost and 127.0.0.1 */
  readonly hosts?: readonly string[]
}

const dayMs = 86_400_000
const curve = 'P-256'
/** ecdsa-with-SHA256 */
const signing = sequence(oid('1.2.840.10045.4.3.2'))

/** An authority of its own, with its files in a temporary folder. */
export class Authority {
  /** File of its certificate. */
  readonly file: string
  private readonly folder = mkdtempSync(join(tmpdir(), 'suanpan-tls-'))
  private readonly key = generateKeyPairSync('ec', { namedCurve: curve })
  private readonly name = `authority ${randomBytes(4).toString('hex')}`
  private issued = 0

  constructor() {
    const { publicKey } = this.key
    const isAuthority = extension('2.5.29.19', true, sequence(boolean(true)))
    this.file = this.write('ca.pem', this.certificate(this.name, publicKey, [isAuthority], false))
  }

  /** Signs a certificate for a server or a client. */
  issue(name: string, options: CertificateOptions = {}): CertificateFiles {
    const { hosts = ['localhost', '127.0.0.1'], expired = false } = options
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
    const names = extension('2.5.29.17', false, sequence(...hosts.map(alternativeName)))
    const file = `${++this.issued}`
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return {
      cert: this.write(`${file}.pem`, this.certificate(name, publicKey, [names], expired)),
      key: this.write(`${file}.key`, key),
    }
  }

  /** Removes the files. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private certificate(
    subject: string,
    publicKey: KeyObject,
    extensions: readonly Buffer[],
    expired: boolean,
  ): string {
    const now = Date.now()
    const [from, to] = expired ? [-2 * dayMs, -dayMs] : [-dayMs, dayMs]
    const content = sequence(
      tagged(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      signing,
      distinguishedName(this.name),
      sequence(time(now + from), time(now + to)),
      distinguishedName(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      tagged(0xa3, sequence(...extensions)),
    )
    const signature = sign('sha256', content, this.key.privateKey)
    const der = sequence(content, signing, bitString(signature))
    const lines = der.toString('base64').match(/.{1,64}/g) ?? []
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
  }

  private write(name: string, text: string): string {
    const file = join(this.folder, name)
    writeFileSync(file, text)
    return file
  }
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  const head = length < 0x80 ? [length] : long
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts)
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]))
}

function bitString(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.from([0]), bytes)
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = rest.flatMap((arc) => {
    const septets = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) septets.unshift((left & 0x7f) | 0x80)
    return septets
  })
  return tagged(0x06, Buffer.from([first * 40 + second, ...bytes]))
}

function time(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return tagged(0x18, Buffer.from(text))
}

function distinguishedName(name: string): Buffer {
  const commonName = sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(name)))
  return sequence(tagged(0x31, commonName))
}

function alternativeName(host: string): Buffer {
  const address = /^\d+\.\d+\.\d+\.\d+$/.test(host)
  return address
    ? tagged(0x87, Buffer.from(host.split('.').map(Number)))
    : tagged(0x82, Buffer.from(host))
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), tagged(0x04, value))
}
