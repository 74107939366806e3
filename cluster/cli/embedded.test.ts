// The embedded node, its threads and its snapshots: `suanpan` resolves to the built package, with real threads.
import { createHook } from 'node:async_hooks'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createRuntime, type Runtime } from 'suanpan'
import { payments } from 'suanpan/payments'
import { expect, it } from 'vitest'
import { lastJson, runCli, temporaryFolder } from './testing/cli-process.js'

it('starts again from snapshots, knows every key, and verifies', async () => {
  const folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const open = () => createRuntime({ dataDir, actors: payments.actors, threads: 1, shards: 4 })
  const pay = (bank: ReturnType<typeof payments.client>, number: number) =>
    bank.keyed.pay({
      payer: 'alice',
      payee: `shop-${number % 7}`,
      amount: 100 + number,
      currency: 'EUR',
      idempotencyKey: `order-${number}`,
    })
  try {
    const first = await open()
    const bank = payments.client(first)
    await bank.openAccount({ id: 'alice', currency: 'EUR' })
    await bank.deposit({
      account: 'alice',
      amount: 10_000_000,
      currency: 'EUR',
      idempotencyKey: 'top-up',
    })
    for (let i = 0; i < 7; i++) await bank.openMerchant({ id: `shop-${i}`, currency: 'EUR' })
    const numbers = Array.from({ length: 400 }, (_, i) => i)
    const answers = await Promise.all(numbers.map((number) => pay(bank, number)))
    await first.snapshot()
    await first.close()

    const second = await open()
    const again = await Promise.all(numbers.map((number) => pay(payments.client(second), number)))
    expect(again.every(({ replayed }) => replayed)).toBe(true)
    expect(again.map(({ value }) => value)).toEqual(answers.map(({ value }) => value))
    await second.close()

    const report = lastJson<{ snapshots: number; payments: number }>(
      await runCli(['verify', '--data', dataDir, '--json']),
    )
    expect(report).toMatchObject({ payments: 400, conserved: true, snapshots: 4 })
  } finally {
    folder.remove()
  }
})

it('tells the status of every shard, with its tally or, for probes and meters, without', async () => {
  const folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const runtime = await createRuntime({ dataDir, actors: payments.actors, threads: 2, shards: 7 })
  try {
    const bank = payments.client(runtime)
    await bank.openAccount({ id: 'alice', currency: 'EUR' })
    const whole = await runtime.shardStatus()
    expect(whole.map(({ shard }) => shard)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(
      whole.every(({ tally, shard, thread }) => tally !== undefined && thread === shard % 2),
    ).toBe(true)
    const short = await runtime.shardStatus({ tallies: false })
    expect(short).toEqual(whole.map(({ tally: _, ...rest }) => rest))
    expect(await runtime.ready()).toBe(true)
  } finally {
    await runtime.close()
    folder.remove()
  }
  expect(await runtime.ready()).toBe(false)
})

/** Threads, and ports to them, that are made from now on and not ended: such keep this process alive. */
class Threads {
  private readonly open = new Map<number, string>()
  private readonly hook = createHook({
    init: (id, type) => {
      if (type === 'WORKER' || type === 'MESSAGEPORT') this.open.set(id, type)
    },
    destroy: (id) => {
      this.open.delete(id)
    },
  }).enable()

  /** Of threads; what others in this process began before is not counted. */
  get running(): number {
    return [...this.open.values()].filter((type) => type === 'WORKER').length
  }

  get ports(): number {
    return this.open.size - this.running
  }

  stop(): void {
    this.hook.disable()
  }
}

it('runs no more threads than there are shards for, and leaves none behind when a folder is refused', async () => {
  const folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const open = (shards: number) =>
    createRuntime({ dataDir, actors: payments.actors, threads: 3, shards })
  const threads = new Threads()
  try {
    const runtime = await open(2)
    expect(runtime.threads).toBe(2)
    expect(threads.running).toBe(2)
    const { ports } = threads
    expect(ports).toBeGreaterThan(0)
    await expect(open(2)).rejects.toMatchObject({ code: 'data_dir_in_use' })
    // A port that is closed is gone a moment later.
    await expect.poll(() => [threads.running, threads.ports]).toEqual([2, ports])
    await runtime.close()
    await expect(open(7)).rejects.toMatchObject({ code: 'shards_differ' })
    await expect.poll(() => [threads.running, threads.ports]).toEqual([0, 0])
  } finally {
    threads.stop()
    folder.remove()
  }
})

it('a folder that one of the threads can not recover is refused, and no failure of what runs', async () => {
  const folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const failures: Error[] = []
  const open = (): Promise<Runtime> =>
    createRuntime({
      ...{ dataDir, actors: payments.actors, threads: 2, shards: 4, segmentBytes: 8_192 },
      onFailure: (error) => failures.push(error),
    })
  try {
    const runtime = await open()
    const bank = payments.client(runtime)
    for (let round = 0; round < 5; round++) {
      const ids = Array.from({ length: 200 }, (_, i) => `a-${round}-${i}`)
      await Promise.all(ids.map((id) => bank.openAccount({ id, currency: 'EUR' })))
      await runtime.snapshot()
    }
    await runtime.close()
    rmSync(join(dataDir, 'snapshots', '00000'), { recursive: true })
    // One thread ends while the other still recovers, or has done so.
    for (let tries = 0; tries < 5; tries++)
      await expect(open()).rejects.toMatchObject({ code: 'damaged' })
    expect(failures).toEqual([])
  } finally {
    folder.remove()
  }
})

it('says why actors do not load, and leaves no thread behind', async () => {
  const folder = temporaryFolder()
  const module = pathToFileURL(join(folder.path, 'no-actors.mjs')).href
  const actors = { ...payments.actors, module }
  const threads = new Threads()
  try {
    await expect(createRuntime({ dataDir: join(folder.path, 'data'), actors })).rejects.toThrow(
      /no-actors\.mjs/,
    )
    await expect.poll(() => [threads.running, threads.ports]).toEqual([0, 0])
  } finally {
    threads.stop()
    folder.remove()
  }
})
