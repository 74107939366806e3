import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

let folder: ReturnType<typeof temporaryFolder>
let data: string
const running: CliProcess[] = []

beforeEach(() => {
  folder = temporaryFolder()
  data = join(folder.path, 'data')
})
afterEach(async () => {
  for (const process of running.splice(0)) {
    process.kill('SIGKILL')
    await process.ended
  }
  folder.remove()
})

/** Starts a node on a free port. */
async function start(...more: string[]): Promise<{ node: CliProcess; url: string }> {
  const node = new CliProcess([
    'start',
    '--data',
    data,
    '--port',
    '0',
    '--shards',
    '8',
    '--threads',
    '1',
    ...more,
  ])
  running.push(node)
  const [, url = ''] = await node.until(/Listening on (http:\/\/127\.0\.0\.1:\d+)/)
  return { node, url }
}

describe('suanpan start', () => {
  it('serves, ends cleanly at SIGTERM, and finds everything again', async () => {
    const { node, url } = await start()
    const at = { SUANPAN_URL: url }
    await askCli(['accounts', 'open', 'alice', 'CNY'], at)
    await askCli(['accounts', 'open', 'merchant/tea', 'CNY'], at)
    await askCli(['accounts', 'deposit', 'alice', '100.00', 'CNY'], at)
    const pay = ['payments', 'pay', 'alice', 'tea', '35.00', 'CNY', '--json']
    const paid = lastJson<{ id: string; status: string; amount: number; replayed: boolean }>(
      await askCli([...pay, '--idempotency-key', 'order-1'], at),
    )
    expect(paid).toMatchObject({ status: 'settled', amount: 3500, replayed: false })
    node.kill('SIGTERM')
    const { code, stdout } = await node.ended
    expect(code).toBe(0)
    expect(stdout).toContain('Stopped cleanly')

    const second = await start()
    const again = await askCli([...pay, '--idempotency-key', 'order-1'], {
      SUANPAN_URL: second.url,
    })
    expect(lastJson(again)).toMatchObject({ id: paid.id, replayed: true })
    const status = lastJson<object>(await askCli(['status', '--url', second.url, '--json']))
    expect(status).toMatchObject({ ready: true, shards: 8, audit: { conserved: true } })
    second.node.kill('SIGINT')
    expect((await second.node.ended).stdout).toContain('closed cleanly')
  })

  it('answers what the README asks, as it is printed there', async () => {
    const { url } = await start()
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
    const requests = readme
      .replaceAll(/\\\n\s+/g, '')
      .matchAll(/^curl -s localhost:7400(\S+) (.*)$/gm)
    const answers: unknown[] = []
    for (const [, path, words = ''] of requests) {
      const headers = [...words.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [
        name,
        value,
      ])
      const body = /-d '([^']+)'/.exec(words)?.[1]
      const init = { method: 'POST', headers: headers as [string, string][], body: body ?? null }
      const answer = await fetch(`${url}${path}`, init)
      answers.push([answer.status, ((await answer.json()) as { status?: string }).status])
    }
    const opened = [201, 'open']
    expect(answers).toEqual([opened, opened, [201, undefined], [201, 'settled']])
  })

  it('goes on serving when nobody reads what it says, and still ends cleanly', async () => {
    const { node, url } = await start()
    node.stopReading()
    expect((await askCli(['accounts', 'open', 'alice', 'CNY', '--url', url])).code).toBe(0)
    node.kill('SIGTERM')
    expect((await node.ended).code).toBe(0)
    const verified = await askCli(['verify', '--data', data, '--json'])
    expect(lastJson(verified)).toMatchObject({ clean: true, accounts: 1 })
  })

  it('recovers from kill -9', async () => {
    const { node, url } = await start()
    await askCli(['accounts', 'open', 'alice', 'CNY', '--url', url])
    node.kill('SIGKILL')
    await node.ended
    const second = await start()
    expect((await askCli(['accounts', 'show', 'alice', '--url', second.url])).code).toBe(0)
    second.node.kill('SIGTERM')
    expect((await second.node.ended).stdout).toContain('not closed cleanly, recovered')
  })

  it('says why and exits 1 when another process took its folder', async () => {
    const { node, url } = await start()
    node.kill('SIGSTOP')
    const second = await start('--take-over')
    node.kill('SIGCONT')
    // It notices at its next group; nothing of it is acknowledged.
    const late = await askCli(['accounts', 'open', 'late', 'CNY', '--url', url])
    expect(late.code).toBe(1)
    const { code, stderr } = await node.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^suanpan: .*\(fenced\)$/m)
    expect(stderr).not.toMatch(/^\s+at /m)
    const shown = await askCli(['accounts', 'show', 'late', '--url', second.url, '--json'])
    expect(JSON.parse(shown.stderr)).toMatchObject({ error: { code: 'account_not_found' } })
  })

  it('refuses a second process on the folder, and a port in use', async () => {
    const { url } = await start()
    const second = await runCli(['start', '--data', data, '--port', '0'])
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/^suanpan: .*is in use by process \d+.*\(data_dir_in_use\)\n$/)
    const verify = await askCli(['verify', '--data', data])
    expect(verify.stderr).toMatch(/\(data_dir_in_use\)/)
    const other = join(folder.path, 'other')
    const port = new URL(url).port
    const third = await runCli(['start', '--data', other, '--port', port])
    expect(third.code).toBe(1)
    expect(third.stderr).toMatch(/Port \d+ .*\(address_in_use\)\n$/)
    expect(existsSync(other)).toBe(false)
  })

  it(
    'takes payments by hand: hold, capture, refund, void, transfer, limits',
    { timeout: 120_000 },
    async () => {
      const { url } = await start()
      const at = { SUANPAN_URL: url }
      const ask = async <T>(...words: string[]): Promise<T> =>
        lastJson<T>(await askCli([...words, '--json'], at))
      for (const id of ['alice', 'bob', 'merchant/hotel']) await ask('accounts', 'open', id, 'EUR')
      await ask('accounts', 'deposit', 'alice', '50000', 'EUR')
      const held = await ask<{ id: string }>(
        ...['payments', 'pay', 'alice', 'hotel', '100.00', 'EUR', '--manual'],
      )
      expect(held).toMatchObject({ status: 'held' })
      const captured = await ask('payments', 'capture', held.id, '--amount', '80.00', '--final')
      expect(captured).toMatchObject({ status: 'settled', captured: 8000 })
      const refunded = await ask('payments', 'refund', held.id, '--amount', '1000')
      expect(refunded).toMatchObject({ status: 'partially_refunded', refunded: 1000 })
      const other = await ask<{ id: string }>(
        ...['payments', 'pay', 'alice', 'hotel', '1.00', 'EUR', '--manual'],
      )
      expect(await ask('payments', 'void', other.id)).toMatchObject({ status: 'voided' })
      const transfer = await ask(
        ...['payments', 'transfer', 'alice:account/bob:5.00', 'alice:hotel:1.00'],
        ...['--currency', 'EUR'],
      )
      expect(transfer).toMatchObject({ status: 'settled' })
      await ask('accounts', 'limits', 'alice', '--per-payment', '1.00')
      const beyond = await askCli(['payments', 'pay', 'alice', 'hotel', '101', 'EUR', '--json'], at)
      expect(beyond.code).toBe(1)
      expect(JSON.parse(beyond.stderr)).toMatchObject({ error: { code: 'limit_exceeded' } })
      expect(await ask('accounts', 'freeze', 'bob')).toMatchObject({ status: 'frozen' })
      expect(await ask('accounts', 'show', 'alice')).toMatchObject({ available: 42_400 })
      const history = await ask<{ entries: unknown[] }>('accounts', 'history', 'alice')
      expect(history.entries.length).toBeGreaterThan(5)
      expect(await ask('quarantine', 'list')).toEqual({ actors: [] })
    },
  )

  it('asks for API keys made by `suanpan keys new`', async () => {
    const file = join(folder.path, 'keys.json')
    const made = lastJson<{ key: string }>(
      await askCli([
        'keys',
        'new',
        '--name',
        'ops',
        '--scope',
        'operator',
        'read',
        '--file',
        file,
        '--json',
      ]),
    )
    expect(readFileSync(file, 'utf8')).not.toContain(made.key)
    const { url } = await start('--api-keys', file)
    const open = ['accounts', 'open', 'alice', 'CNY', '--url', url]
    expect((await askCli(open)).stderr).toMatch(/\(unauthorized\)/)
    expect((await askCli(open, { SUANPAN_API_KEY: made.key })).code).toBe(0)
  })

  it('refuses other addresses without API keys, and a file of keys that is none', async () => {
    const open = await runCli(['start', '--data', data, '--host', '0.0.0.0', '--port', '0'])
    expect(open.code).toBe(2)
    expect(open.stderr).toMatch(/\(api_keys_required\)/)
    expect(existsSync(data)).toBe(false)
    const file = join(folder.path, 'keys.json')
    writeFileSync(file, 'nonsense')
    const wrong = await runCli(['start', '--data', data, '--api-keys', file])
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toMatch(/\(api_keys_invalid\)\n$/)
  })

  it('refuses a file without a key, which `suanpan keys new` fills', async () => {
    const file = join(folder.path, 'keys.json')
    writeFileSync(file, '{"keys":[]}')
    for (const more of [[], ['--host', '0.0.0.0'], ['--nats', 'nats://127.0.0.1:1']]) {
      const place = more[0] === '--nats' ? [] : ['--data', data]
      const empty = await runCli(['start', ...place, '--port', '0', '--api-keys', file, ...more])
      expect(empty.code).toBe(1)
      expect(empty.stderr).toMatch(/holds no key: make one with "suanpan keys new/)
      expect(empty.stderr).toMatch(/\(api_keys_invalid\)\n$/)
    }
    expect(existsSync(data)).toBe(false)
    const made = await askCli(['keys', 'new', '--name', 'a', '--scope', 'read', '--file', file])
    expect(made.code).toBe(0)
    const { url } = await start('--api-keys', file)
    expect((await fetch(`${url}/v1/audit`)).status).toBe(401)
  })
})

describe('suanpan start --sample', () => {
  it('settles and refuses what it says, once', { timeout: 240_000 }, async () => {
    const words = ['start', '--data', data, '--sample', '--exit']
    const first = await runCli(words)
    expect(first.code).toBe(0)
    expect(first.stdout).toMatch(/Sample: 30,000 payments in/)
    expect(first.stdout).toMatch(/insufficient_funds/)
    expect(first.stdout).toMatch(/money +conserved/)
    expect(first.stdout).toMatch(/journal +verified/)
    const second = await runCli([...words, '--json'])
    const report = lastJson<{ refused: Record<string, number> }>(second)
    expect(report).toMatchObject({ changedNothing: true, conserved: true, payments: 30_000 })
    expect(Object.keys(report.refused).sort()).toEqual([
      'account_frozen',
      'insufficient_funds',
      'limit_exceeded',
      'payee_not_found',
    ])
  })
})
