import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nkeys, type Authenticator } from '@nats-io/transport-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectionOptions } from './options.js'

let folder: string
const said: string[] = []
const servers = ['nats://127.0.0.1:4222']
const onProblem = (sentence: string): void => void said.push(sentence)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'suanpan-nats-'))
  said.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string): string => join(folder, name)
const write = (name: string, content: string): void => writeFileSync(file(name), content)

function user(): { seed: string; name: string } {
  const pair = nkeys.createUser()
  return { seed: new TextDecoder().decode(pair.getSeed()), name: pair.getPublicKey() }
}

describe('C19: what is renewed on disk is used for the next connection', () => {
  it('an nkey seed; one that is unfit is told of once, and the last one goes on', () => {
    const [one, two] = [user(), user()]
    write('seed', `${one.seed}\n`)
    const { authenticator } = connectionOptions({
      ...{ servers, onProblem, nkeySeedFile: file('seed') },
    })
    const who = (): string => {
      const { nkey } = (authenticator as Authenticator)('nonce') as { nkey: string }
      return nkey
    }
    expect(who()).toBe(one.name)
    write('seed', two.seed)
    expect(who()).toBe(two.name)
    rmSync(file('seed'))
    expect([who(), who()]).toEqual([two.name, two.name])
    expect(said).toEqual([expect.stringMatching(/no such file.*held before is used/) as string])
    write('seed', two.seed.slice(0, 20))
    expect(who()).toBe(two.name)
    write('seed', one.seed)
    expect(who()).toBe(one.name)
    expect(said).toHaveLength(1)
    write('seed', 'none')
    expect(who()).toBe(one.name)
    expect(said).toHaveLength(2)
  })

  it('credentials', () => {
    const credentials = (jwt: string, { seed }: { seed: string }): string =>
      [
        ...['-----BEGIN NATS USER JWT-----', jwt, '------END NATS USER JWT------', ''],
        ...['-----BEGIN USER NKEY SEED-----', seed, '------END USER NKEY SEED------', ''],
      ].join('\n')
    const [one, two] = [user(), user()]
    write('creds', credentials('first', one))
    const { authenticator } = connectionOptions({
      ...{ servers, onProblem, credentialsFile: file('creds') },
    })
    const who = (): unknown => (authenticator as Authenticator)('nonce')
    expect(who()).toMatchObject({ jwt: 'first', nkey: one.name })
    write('creds', credentials('second', two))
    expect(who()).toMatchObject({ jwt: 'second', nkey: two.name })
    write('creds', 'half of')
    expect(who()).toMatchObject({ jwt: 'second', nkey: two.name })
    expect(said).toHaveLength(1)
  })

  it('TLS files', () => {
    for (const name of ['ca', 'cert', 'key']) write(name, `first ${name}`)
    const tls = { caFile: file('ca'), certFile: file('cert'), keyFile: file('key') }
    const options = connectionOptions({ servers, onProblem, tls })
    const first = { ca: 'first ca', cert: 'first cert', key: 'first key' }
    expect({ ...options.tls }).toEqual({ ...first, handshakeFirst: false })
    for (const name of ['ca', 'cert', 'key']) write(name, `second ${name}`)
    expect({ ...options.tls }).toMatchObject({ ca: 'second ca', cert: 'second cert' })
    rmSync(file('key'))
    expect({ ...options.tls }).toMatchObject({ cert: 'second cert', key: 'second key' })
    expect(said).toHaveLength(1)
  })
})
