/** Backups as an operator makes them: of a node under load, of a folder at rest, and of one that is killed meanwhile. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

const threads = ['--threads', '2', '--shards', '8', '--segment-kib', '64', '--snapshot-kib', '64']
const payers = 20

let folder: ReturnType<typeof temporaryFolder>
let data = ''
let url = ''
let node: CliProcess

beforeEach(async () => {
  folder = temporaryFolder()
  data = join(folder.path, 'data')
  await start(data)
})

afterEach(async () => {
  node.kill('SIGKILL')
  await node.ended
  folder.remove()
})

async function start(dataDir: string, ...more: string[]): Promise<void> {
  node = new CliProcess(['start', '--data', dataDir, '--port', '0', ...threads, ...more, '--json'])
  const [, listening] = await node.until(/"url":"([^"]+)"/)
  url = listening!
}

async function post(path: string, body: object, key?: string): Promise<unknown> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
  })
  return response.json()
}

async function open(): Promise<void> {
  for (let i = 0; i < payers; i++) {
    await post('/v1/accounts', { id: `p${i}`, currency: 'CNY' })
    await post('/v1/merchants', { id: `m${i}`, currency: 'CNY' })
    await post('/v1/deposits', { account: `p${i}`, amount: 1e9, currency: 'CNY' }, `d${i}`)
  }
}

interface Payment {
  readonly id?: string
  readonly status?: string
}

/** Pays in batches until it is told to stop. */
class Load {
  /** By key: the payments that were answered. */
  readonly paid = new Map<string, string>()
  private stopped = false
  private readonly ended: Promise<void>

  constructor(prefix: string) {
    this.ended = this.run(prefix).catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.ended
  }

  async reaches(paid: number): Promise<void> {
    await expect.poll(() => this.paid.size, { interval: 2, timeout: 30_000 }).toBeGreaterThan(paid)
  }

  private async run(prefix: string): Promise<void> {
    for (let batch = 0; !this.stopped; batch++) {
      const lines = Array.from({ length: 200 }, (_, i) =>
        linePaying(`${prefix}-${batch}-${i}`, batch + i),
      )
      const response = await fetch(`${url}/v1/payments/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.map((line) => JSON.stringify(line)).join('\n'),
      })
      const answers = (await response.text()).trimEnd().split('\n')
      for (const [i, answer] of answers.entries()) {
        const { id } = JSON.parse(answer) as Payment
        if (id !== undefined) this.paid.set(lines[i]!.idempotencyKey, id)
      }
    }
  }
}

function linePaying(idempotencyKey: string, i: number) {
  const payee = `m${(i * 7) % payers}`
  return { payer: `p${i % payers}`, payee, amount: 1 + (i % 9), currency: 'CNY', idempotencyKey }
}

const backup = (target: string, ...more: string[]) => askCli(['backup', target, ...more, '--json'])

describe('suanpan backup', { timeout: 120_000 }, () => {
  it('of a node under load, again and again: verified, and starts with all that was acknowledged before', async () => {
    await open()
    const load = new Load('a')
    let before = new Map<string, string>()
    const targets = [1, 2].map((round) => join(folder.path, `copy-${round}`))
    for (const [round, target] of targets.entries()) {
      await load.reaches(400 * (round + 1))
      before = new Map(load.paid)
      const made = await backup(target, '--url', url)
      expect([made.code, made.stderr]).toEqual([0, ''])
      expect(lastJson(made)).toMatchObject({ command: 'backup', target, shards: 8, verified: true })
    }
    await load.stop()
    // The original goes on beside its copy, which has no owner.
    const original = node
    const originalUrl = url
    await start(targets[1]!)
    const keys = [...before.keys()].filter((_, i) => i % 20 === 0)
    for (const key of keys) {
      const [, batch, i] = key.split('-').map(Number)
      const { idempotencyKey: _, ...payment } = linePaying(key, batch! + i!)
      const answer = (await post('/v1/payments', payment, key)) as Payment
      expect(answer.id).toBe(before.get(key))
    }
    const audit = (await (await fetch(`${url}/v1/audit`)).json()) as { conserved: boolean }
    expect(audit.conserved).toBe(true)
    node.kill('SIGTERM')
    expect((await node.ended).code).toBe(0)
    node = original
    url = originalUrl
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  it('of a node that is killed meanwhile: the original starts whole, the backup is whole or not there', async () => {
    await open()
    for (let round = 0; round < 2; round++) {
      const load = new Load(`k${round}`)
      await load.reaches(300)
      const target = join(folder.path, 'copy')
      const making = backup(target, '--url', url)
      await expect
        .poll(() => existsSync(`${target}.part`) || existsSync(target), {
          interval: 0,
          timeout: 20_000,
        })
        .toBe(true)
      if (round > 0) await new Promise((resolve) => setTimeout(resolve, round * 15))
      node.kill('SIGKILL')
      await node.ended
      await load.stop()
      const { code } = await making
      if (existsSync(target)) expect((await askCli(['verify', '--data', target])).code).toBe(0)
      else expect(code).toBe(1)
      const left = existsSync(`${target}.part`) ? readdirSync(`${target}.part`) : []
      if (left.length > 0 && !left.includes('manifest')) {
        const started = await runCli(['start', '--data', `${target}.part`, '--port', '0'])
        expect([started.code, started.stderr]).toEqual([
          1,
          expect.stringContaining('manifest is missing'),
        ])
        const again = await backup(target, '--data', data)
        expect([again.code, again.stderr]).toEqual([
          1,
          expect.stringContaining('backup_target_taken'),
        ])
      }
      rmSync(target, { recursive: true, force: true })
      rmSync(`${target}.part`, { recursive: true, force: true })
      expect((await askCli(['verify', '--data', data])).code).toBe(0)
      await start(data)
    }
  })

  it('in the folder that is set for them, which is there when the node starts', async () => {
    node.kill('SIGTERM')
    await node.ended
    const backups = join(folder.path, 'backups')
    const none = await runCli(['start', '--data', data, '--port', '0', '--backups', backups])
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/There is no folder .*backups/),
    ])
    mkdirSync(backups)
    await start(data, '--backups', backups)
    const outside = await backup(join(folder.path, 'copy'), '--url', url)
    expect(outside.code).toBe(1)
    expect(outside.stderr).toMatch(/backup_target_invalid.*is not in/)
    expect((await backup(join(backups, 'copy'), '--url', url)).code).toBe(0)
  })

  it('of a folder at rest, and says what to do about one that is in use', async () => {
    await open()
    const target = join(folder.path, 'copy')
    const refused = await backup(target, '--data', data)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/data_dir_in_use.*--url/)
    const cluster = await backup(target, '--nats', 'nats://127.0.0.1:4222')
    expect([cluster.code, cluster.stderr]).toEqual([
      1,
      expect.stringContaining('backup_unsupported'),
    ])
    const taken = await backup(data, '--url', url)
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('backup_target_taken')])
    const none = await backup(join(folder.path, 'none', 'copy'), '--url', url)
    expect(none.stderr).toMatch(/backup_target_invalid.*make it, or mount it/)
    node.kill('SIGTERM')
    await node.ended
    const made = await runCli(['backup', target, '--data', data])
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/money conserved/)])
    expect(readdirSync(folder.path).sort()).toEqual(['copy', 'data'])
    expect(lastJson(await askCli(['verify', '--data', target, '--json']))).toMatchObject({
      clean: true,
    })
    expect(
      (await backup(join(folder.path, 'x'), '--data', join(folder.path, 'nothing'))).code,
    ).toBe(1)
  })
})
