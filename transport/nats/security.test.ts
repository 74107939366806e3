import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { connectNats } from './connect.js'
import type { NatsOptions } from './options.js'
import { Authority, NatsServers, OperatorMode } from './testing/index.js'

const folder = mkdtempSync(join(tmpdir(), 'suanpan-login-'))
const authority = new Authority()
const stranger = new Authority()
let servers: NatsServers | undefined

afterEach(async () => {
  await servers?.stop()
  servers = undefined
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  authority.remove()
  stranger.remove()
})

let files = 0
function fileOf(text: string): string {
  const file = join(folder, String(++files))
  writeFileSync(file, text)
  return file
}

async function start(config: string): Promise<void> {
  servers = await NatsServers.start({ config })
}

/** Whether somebody gets in, and can work; a refusal by its code and sentence. */
async function enter(options: Partial<NatsOptions>): Promise<string> {
  try {
    const nats = await connectNats({ servers: servers!.addresses, ...options })
    try {
      const log = await nats.stream('S', { replicas: 1 })
      await log.bounds()
      return 'in'
    } finally {
      await nats.close()
    }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return `${String(code)}: ${message}`
  }
}

const overTls = (words: string[] = []): string[] => {
  const { cert, key } = authority.issue('server')
  return [`tls { cert_file: "${cert}", key_file: "${key}"`, ...words, '}']
}
const inAddresses = (scheme: string): string[] =>
  servers!.addresses.map((address) => address.replace('nats:', scheme))

describe('logins', () => {
  it('an nkey: the one that is listed gets in', async () => {
    const [listed, other] = [nkeys.createUser(), nkeys.createUser()]
    const seed = (pair: typeof listed): string => fileOf(new TextDecoder().decode(pair.getSeed()))
    await start(`authorization { users: [ { nkey: ${listed.getPublicKey()} } ] }`)
    expect(await enter({ nkeySeedFile: seed(listed) })).toBe('in')
    expect(await enter({ nkeySeedFile: seed(other) })).toMatch(/^nats_login: .*refuses this login/)
    expect(await enter({})).toMatch(/^nats_login: /)
    expect(await enter({ nkeySeedFile: fileOf('no seed at all') })).toMatch(
      /^nats_options: The nkey seed file .* holds no seed/,
    )
    expect(await enter({ nkeySeedFile: fileOf(nkeys.createUser().getPublicKey()) })).toMatch(
      /^nats_options: The nkey seed file .* holds no seed/,
    )
  })

  it('credentials: those that the account has signed get in', async () => {
    const operator = new OperatorMode()
    await start(operator.config)
    expect(await enter({ credentialsFile: fileOf(operator.credentials()) })).toBe('in')
    const foreign = fileOf(new OperatorMode().credentials())
    expect(await enter({ credentialsFile: foreign })).toMatch(/^nats_login: /)
    const over = operator.credentials(undefined, new Date('2020-01-02T03:04:05Z'))
    expect(await enter({ credentialsFile: fileOf(over) })).toMatch(
      /^nats_login: .*expired at 2020-01-02T03:04:05/,
    )
    const later = operator.credentials(undefined, new Date(Date.now() + 60_000))
    expect(await enter({ credentialsFile: fileOf(later) })).toBe('in')
    expect(await enter({})).toMatch(/^nats_login: /)
    expect(await enter({ credentialsFile: fileOf('no credentials') })).toMatch(
      /^nats_options: The credentials file .* holds no/,
    )
    const observer = operator.credentials({
      publish: ['$JS.API.STREAM.INFO.*'],
      subscribe: ['_INBOX.>'],
    })
    expect(await enter({ credentialsFile: fileOf(observer) })).toBe('in')
    const nats = await connectNats({
      servers: servers!.addresses,
      credentialsFile: fileOf(observer),
    })
    const log = await nats.stream('S', { replicas: 1 })
    await expect(log.purge(1)).rejects.toMatchObject({ code: 'nats_permission' })
    await nats.close()
  })

  it('a password: the right one gets in', async () => {
    await start('authorization { user: node, password: secret }')
    expect(await enter({ user: 'node', password: 'secret' })).toBe('in')
    expect(await enter({ user: 'node', password: 'guess' })).toMatch(/^nats_login: /)
    expect(await enter({ user: 'node' })).toMatch(/^nats_login: /)
  })
})

describe('TLS', () => {
  it('the server has to be signed by the authority that is named', async () => {
    await start(overTls().join('\n'))
    expect(await enter({ tls: { caFile: authority.file } })).toBe('in')
    expect(await enter({ tls: { caFile: stranger.file } })).toMatch(
      /^nats_options: The TLS connection .*fails.*authority/,
    )
    // Nothing was said of TLS: the server asks for it, and nobody known has signed it.
    expect(await enter({})).toMatch(/^nats_options: The TLS connection .*fails.*authority/)
    expect(await enter({ tls: { caFile: fileOf('no certificate') } })).toMatch(/^nats_options: /)
  })

  it('the server has to have the name it is called by', async () => {
    const { cert, key } = authority.issue('server', { hosts: ['nats.example'] })
    await start(`tls { cert_file: "${cert}", key_file: "${key}" }`)
    expect(await enter({ tls: { caFile: authority.file } })).toMatch(
      /^nats_options: The TLS connection .*127\.0\.0\.1/,
    )
  })

  it('a certificate whose time is over is none', async () => {
    const { cert, key } = authority.issue('server', { expired: true })
    await start(`tls { cert_file: "${cert}", key_file: "${key}" }`)
    expect(await enter({ tls: { caFile: authority.file } })).toMatch(
      /^nats_options: The TLS connection .*expired/,
    )
  })

  it('a server that speaks no TLS gets nothing of who asks for it, in the options or the address', async () => {
    await start('authorization { user: node, password: secret }')
    const login = { user: 'node', password: 'secret' }
    expect(await enter(login)).toBe('in')
    for (const options of [
      { tls: { caFile: authority.file } },
      { servers: inAddresses('tls:') },
      { servers: inAddresses('tls:'), tls: { handshakeFirst: true } },
    ]) {
      expect(await enter({ ...login, ...options })).toMatch(/^nats_options: The TLS connection/)
    }
  })

  it('a client has to show a certificate where the server wants one', async () => {
    const want = [`ca_file: "${authority.file}"`, 'verify: true']
    await start(overTls(want).join('\n'))
    const tls = { caFile: authority.file }
    const shown = ({ cert, key }: { cert: string; key: string }): Partial<NatsOptions> => ({
      tls: { ...tls, certFile: cert, keyFile: key },
    })
    expect(await enter(shown(authority.issue('node')))).toBe('in')
    const refused = /^nats_login: .*only clients with a TLS certificate/
    const wrong = [
      { tls },
      shown(stranger.issue('node')),
      shown(authority.issue('node', { expired: true })),
    ]
    for (const said of await Promise.all(wrong.map(enter))) expect(said).toMatch(refused)
    // A key that belongs to another certificate.
    const [one, other] = [authority.issue('node'), authority.issue('node')]
    expect(await enter(shown({ cert: one.cert, key: other.key }))).toMatch(
      /^nats_options: The TLS connection .*mismatch/,
    )
  })

  it('TLS may come first', async () => {
    await start(overTls(['handshake_first: true']).join('\n'))
    const caFile = authority.file
    expect(await enter({ tls: { caFile, handshakeFirst: true } })).toBe('in')
    expect(await enter({ tls: { caFile } })).toMatch(
      /^nats_unreachable: .*whether its TLS comes first/,
    )
  })
})
