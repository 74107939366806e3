import { beforeEach, describe, expect, it } from 'vitest'
import { defineActor } from '../actor/define-actor.js'
import { shardOfHome } from '../actor/address.js'
import { FaultCounts } from '../simulation/faults.js'
import { Kernel } from '../simulation/kernel.js'
import { SimulatedNatsService } from '../simulation/nats/service.js'
import { fairWeather } from '../simulation/nats/weather.js'
import { SimulatedProcess } from '../simulation/process.js'
import { Random } from '../simulation/random.js'
import { NatsUnreachable, type Nats, type StreamLog } from '../../transport/index.js'
import type { Fault } from '../errors.js'
import { limits } from '../limits.js'
import { JetStreamStorages } from './jetstream-storage.js'
import type { ShardNodeLinks } from './shard-node-options.js'
import { here, ShardNode } from './shard-node.js'

const shards = 4

/** A purse can be filled, and can give to another: a message between shards. */
const purse = defineActor({
  kind: 'purse',
  state: { coins: 0 },
  events: {
    changed: (state, data: { by: number; note?: string }) => ({ coins: state.coins + data.by }),
  },
  commands: {
    fill(turn, input: { coins: number; note?: string }) {
      turn.emit('changed', { by: input.coins, note: input.note ?? '' })
      return turn.state.coins
    },
    give(turn, input: { to: string; coins: number }) {
      if (turn.state.coins < input.coins) return turn.refuse('too_few', 'Fill the purse first.')
      turn.emit('changed', { by: -input.coins })
      turn.send(`purse/${input.to}`, 'fill', { coins: input.coins })
      return turn.state.coins
    },
  },
  queries: { coins: (view) => view.self.coins },
})

/** Two nodes over one NATS, each knowing where the other's shards are. */
class Pair {
  readonly kernel = new Kernel()
  readonly owners: (0 | 1)[] = Array.from({ length: shards }, () => 0)
  readonly lost: number[] = []
  readonly reports: { event: string; detail: Record<string, unknown> }[] = []
  readonly begun = new Set<number>()
  /** Node, shard and epoch of all that was opened. */
  readonly epochs: unknown[] = []
  /** False while it can not be noted that a journal has begun. */
  notes = true
  readonly journals = {
    complete: true,
    has: (shard: number) => Promise.resolve(this.begun.has(shard)),
    add: (shard: number) =>
      this.notes
        ? Promise.resolve(void this.begun.add(shard))
        : Promise.reject(new NatsUnreachable('no leader')),
  }
  /** Name of the stream that takes nothing. */
  refused = ''
  /** Name of the stream that can't be made, or opened. */
  unmade = ''
  /** Name of the stream that has no leader. */
  leaderless = ''
  readonly nodes: readonly [ShardNode, ShardNode]
  readonly processes: readonly SimulatedProcess[]
  readonly mayAnswer = [true, true]
  readonly nats: Nats
  readonly service: SimulatedNatsService
  private readonly random = new Random(7, 'pair')

  constructor() {
    const { kernel, random } = this
    const service = (this.service = new SimulatedNatsService({
      kernel,
      random,
      weather: fairWeather(),
      counts: new FaultCounts(),
    }))
    this.nats = service.connect({ alive: true, paused: false, defer: () => undefined })
    // Nodes of a cluster have no disk of their own.
    this.processes = [1, 2].map(
      (pid) =>
        new SimulatedProcess(kernel, undefined, new FaultCounts(), random, pid, () => 'running'),
    )
    const nodes = this.processes.map((process, self) => {
      const other = 1 - self
      const links: ShardNodeLinks = {
        storages: new JetStreamStorages(process.env, this.limited(service.connect(process)), {
          cluster: 'pair',
          replicas: 3,
          owner: `node-${self}`,
          report: (event, detail) => void this.reports.push({ event, detail }),
          journals: this.journals,
        }),
        placeOf: (shard) => (this.owners[shard] === other ? 1 : undefined),
        mayAnswer: () => this.mayAnswer[self]!,
        requests: (_, bytes) => this.carry(other, (node) => node.takeRequests(1, bytes)),
        answers: (_, bytes) => this.carry(other, (node) => node.takeAnswers(bytes)),
        peers: (_, bytes) => this.carry(other, (node) => node.takePeers(bytes)),
        opened: (shard) => this.carry(other, (node) => node.openedElsewhere(shard)),
        shardLost: (shard) => void this.lost.push(shard),
        report: (event, detail) => {
          const { shard, epoch } = detail
          if (event === 'shard_opened') this.epochs.push([self, shard, epoch])
          if (event === 'shard_lost') this.reports.push({ event, detail })
        },
        fail: (error) => {
          throw error
        },
      }
      return new ShardNode(process.env, options, links)
    })
    this.nodes = [nodes[0]!, nodes[1]!]
  }

  /** Runs until a promise is settled. */
  async soon<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => void (settled = true)
    promise.then(end, end)
    if (!(await this.kernel.run(() => settled))) throw new Error('nothing happens any more')
    return promise
  }

  /** Gives a shard in good order. */
  async move(shard: number, to: 0 | 1): Promise<void> {
    const from = this.nodes[1 - to]!
    await this.soon(this.nodes[to].prepare(shard))
    expect(await this.soon(from.handOver(shard))).toBe(true)
    this.owners[shard] = to
    await this.soon(this.nodes[to].open(shard, 0))
    for (const node of this.nodes) node.ownerChanged(shard, true)
  }

  /** NATS, with no room in the stream that is {@link refused}, and no leader of one that is {@link leaderless}. */
  private limited(nats: Nats): Nats {
    const stream = nats.stream.bind(nats)
    nats.stream = async (...words) => {
      if (words[0] === this.unmade) throw new NatsUnreachable('maximum number of streams reached')
      const log: StreamLog = await stream(...words)
      const append = log.append.bind(log)
      log.append = (bytes, after) =>
        log.name === this.refused
          ? Promise.resolve({ outcome: 'unknown', reason: 'no space left' })
          : append(bytes, after)
      const bounds = log.bounds.bind(log)
      log.bounds = () =>
        log.name === this.leaderless ? Promise.reject(new NatsUnreachable('no leader')) : bounds()
      return log
    }
    return nats
  }

  private carry(to: number, run: (node: ShardNode) => void): void {
    const node = this.nodes[to]!
    this.kernel.after(0.2, () => run(node), this.processes[to])
  }
}

const options = {
  actors: { definitions: [purse] },
  shards,
  settings: {},
  secret: '00112233445566778899aabbccddeeff',
  keyRetentionMs: 86_400_000,
  keyTime: 'none',
  keysPerShardMax: 1_000_000,
  mailboxMessages: 1_000,
  requestTimeoutMs: 5_000,
  snapshotJournalBytes: 64 * 1024,
} as const

let pair: Pair

beforeEach(async () => {
  pair = new Pair()
  for (let shard = 0; shard < shards; shard++) await pair.soon(pair.nodes[0].open(shard, 0))
})

/** A purse that lives in a shard. */
function purseIn(shard: number): string {
  for (let i = 0; ; i++) {
    if (shardOfHome(`purse/p${i}`, shards) === shard) return `p${i}`
  }
}

describe('a node of a cluster', () => {
  it('serves clients of any node, wherever the shard is', async () => {
    const address = `purse/${purseIn(2)}`
    await pair.soon(pair.nodes[1].command(address, 'fill', { coins: 5 }))
    const answer = await pair.soon(pair.nodes[0].query(address, 'coins', null))
    expect(answer.value).toBe(5)
  })

  it('gives a shard with all it knows, keys included, to another', async () => {
    const address = `purse/${purseIn(1)}`
    const key = { idempotencyKey: 'once' }
    const fill = (): Promise<unknown> =>
      pair.soon(pair.nodes[0].command(address, 'fill', { coins: 3 }, key))
    expect(await fill()).toMatchObject({ value: 3, replayed: false })
    await pair.move(1, 1)
    expect(pair.nodes[1].shards).toEqual([1])
    expect(await fill()).toMatchObject({ value: 3, replayed: true })
    expect(pair.epochs).toContainEqual([1, 1, 2])
  })

  it('loses no message when its target moves', async () => {
    const from = purseIn(0)
    const to = purseIn(3)
    await pair.soon(pair.nodes[0].command(`purse/${from}`, 'fill', { coins: 100 }))
    const given: Promise<unknown>[] = []
    for (let i = 0; i < 20; i++) {
      given.push(pair.nodes[0].command(`purse/${from}`, 'give', { to, coins: 1 }))
    }
    const moved = pair.move(3, 1)
    await pair.soon(Promise.all([...given, moved]))
    const arrived = async (): Promise<unknown> =>
      (await pair.soon(pair.nodes[0].query(`purse/${to}`, 'coins', null))).value
    for (let tries = 0; (await arrived()) !== 20; tries++) {
      if (tries === 50) throw new Error('messages are missing')
      await pair.soon(pair.kernel.wait(100))
    }
    expect(await arrived()).toBe(20)
  })

  it('tells who asks it for what it does not serve', async () => {
    await pair.move(2, 1)
    pair.owners[2] = 0
    const asked = pair.soon(pair.nodes[1].command(`purse/${purseIn(0)}`, 'fill', { coins: 1 }))
    await expect(asked).resolves.toMatchObject({ value: 1 })
    pair.owners[2] = 1
    pair.nodes[1].drop(2)
    const refused = pair.soon(pair.nodes[0].command(`purse/${purseIn(2)}`, 'fill', { coins: 1 }))
    await expect(refused).rejects.toMatchObject({ code: 'not_ready', outcome: 'not_executed' })
  })

  it('gives a shard away though its snapshot waits for its stream', async () => {
    const address = `purse/${purseIn(1)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    pair.refused = 'SNAP_pair_1'
    void pair.nodes[0].snapshot()
    await pair.soon(pair.kernel.wait(10_000))
    expect(pair.reports).toContainEqual({
      event: 'storage_waits',
      detail: expect.objectContaining({ stream: 'SNAP_pair_1', why: 'no space left' }),
    })
    expect(await pair.soon(pair.nodes[0].handOver(1))).toBe(true)
    pair.owners[1] = 1
    await pair.soon(pair.nodes[1].open(1, 0))
    expect((await pair.soon(pair.nodes[1].query(address, 'coins', null))).value).toBe(1)
  })

  it.each(['made', 'read'] as const)(
    'tells what it waits for where the stream of its snapshots can not be %s',
    async (what) => {
      expect(await pair.soon(pair.nodes[0].handOver(1))).toBe(true)
      pair.owners[1] = 1
      pair[what === 'made' ? 'unmade' : 'leaderless'] = 'SNAP_pair_1'
      const opened = pair.nodes[1].open(1, 0)
      await pair.soon(pair.kernel.wait(10_000))
      const about = (detail: object): unknown =>
        expect.objectContaining({ ...detail, stream: 'SNAP_pair_1' })
      const why = what === 'made' ? 'maximum number of streams reached' : 'no leader'
      expect(pair.reports).toContainEqual({ event: 'storage_waits', detail: about({ why }) })
      pair.unmade = pair.leaderless = ''
      await pair.soon(opened)
      expect(pair.reports).toContainEqual({ event: 'storage_goes_on', detail: about({}) })
    },
  )

  it('SN4: is fenced shard by shard, and answers nothing of a shard another has opened', async () => {
    const address = `purse/${purseIn(2)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    // The other takes the shard, and nobody tells the first.
    await pair.soon(pair.nodes[1].open(2, 0))
    const asked = pair.nodes[0].command(address, 'fill', { coins: 1 }, { timeoutMs: 500 })
    await expect(pair.soon(asked)).rejects.toMatchObject({ outcome: 'unknown' })
    expect(pair.lost).toEqual([2])
    expect(pair.nodes[0].shards).toEqual([0, 1, 3])
    const other = pair.soon(pair.nodes[0].command(`purse/${purseIn(1)}`, 'fill', { coins: 1 }))
    await expect(other).resolves.toMatchObject({ value: 1 })
  })

  it('holds what no append went before while its lease does not hold', async () => {
    const address = `purse/${purseIn(0)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    pair.mayAnswer[0] = false
    const read = pair.nodes[0].query(address, 'coins', null, { timeoutMs: 500 })
    await expect(pair.soon(read)).rejects.toMatchObject({ code: 'not_ready' })
    const later = pair.nodes[0].query(address, 'coins', null)
    pair.mayAnswer[0] = true
    expect((await pair.soon(later)).value).toBe(1)
  })

  it('G4: a read that came while an append was under way needs a lease of its own', async () => {
    const address = `purse/${purseIn(0)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    const filled = pair.nodes[0].command(address, 'fill', { coins: 1 })
    // The append has begun, and its answer is not there yet.
    await pair.soon(pair.kernel.wait(0.1))
    pair.mayAnswer[0] = false
    const read = pair.nodes[0].query(address, 'coins', null, { timeoutMs: 500 })
    expect((await pair.soon(filled)).value).toBe(2)
    await expect(pair.soon(read)).rejects.toMatchObject({ code: 'not_ready' })
  })

  it('K4: says where a shard goes that is not wanted any more when its journal is open', async () => {
    const refusals: unknown[] = []
    for (let asked = 1; asked < 20; asked++) {
      let left = asked
      await pair.soon(pair.nodes[1].open(2, 0, () => left-- > 0)).catch((error: unknown) => {
        refusals.push(error)
      })
    }
    expect(refusals).toContainEqual(
      expect.objectContaining({ code: 'fenced', message: 'Shard 2 goes to another node.' }),
    )
  })

  it('SN7: reads nothing ahead any more when it is closed, or the shard goes elsewhere', async () => {
    pair.leaderless = 'SHARD_pair_1'
    const [, node] = pair.nodes
    const ends = [(): void => node.forget(1), (): void => node.close()]
    for (const end of ends) {
      const reading = node.prepare(1)
      reading.catch(() => undefined)
      await pair.soon(pair.kernel.wait(3_000))
      end()
      const late = pair.kernel.wait(3_000).then(() => 'still reads')
      await expect(pair.soon(Promise.race([reading, late]))).rejects.toThrow('Nobody waits')
    }
  })

  it('SN5: fences nobody while its lease does not hold', async () => {
    const address = `purse/${purseIn(2)}`
    pair.mayAnswer[1] = false
    await expect(pair.soon(pair.nodes[1].open(2, 0))).rejects.toMatchObject({
      code: 'not_ready',
      message: 'Shard 2 waits for this node to hold its lease again.',
    })
    expect(pair.nodes[1].serves(2)).toBe(false)
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    expect(pair.epochs).toContainEqual([0, 2, 1])
    pair.mayAnswer[1] = true
    await pair.soon(pair.nodes[1].open(2, 0))
    expect(pair.epochs).toContainEqual([1, 2, 2])
  })

  it('begins no turn of a shard it is giving away, whoever asks', async () => {
    const address = `purse/${purseIn(2)}` as const
    await pair.soon(pair.nodes[0].command(address, 'give', { to: purseIn(1), coins: 0 }))
    const filled = pair.nodes[0].command(address, 'fill', { coins: 1 })
    await pair.soon(pair.kernel.wait(0.1))
    const given = pair.nodes[0].handOver(2)
    await pair.soon(pair.kernel.wait(0.01))
    expect(() => pair.nodes[0].comparePairs()).toThrow(
      expect.objectContaining({ code: 'not_ready' }),
    )
    expect(await pair.soon(given)).toBe(true)
    expect((await pair.soon(filled)).value).toBe(1)
    pair.nodes[0].comparePairs()
  })

  it('hears the answers of an owner that handed over, and waits for no others', async () => {
    const address = `purse/${purseIn(3)}`
    const fill = () => pair.nodes[1].command(address, 'fill', { coins: 1 })
    const heard = fill()
    pair.nodes[1].ownerChanged(3, true)
    expect((await pair.soon(heard)).value).toBe(1)
    const unheard = fill()
    pair.nodes[1].ownerChanged(3, false)
    await expect(pair.soon(unheard)).rejects.toMatchObject({ code: 'outcome_unknown' })
    await pair.soon(pair.kernel.wait(100))
    // Handed over, and the answer is lost: it is not waited for as long as for a request.
    pair.mayAnswer[0] = false
    const begun = pair.kernel.now
    const lost = pair.nodes[1].query(address, 'coins', null)
    pair.nodes[1].ownerChanged(3, true)
    await expect(pair.soon(lost)).rejects.toMatchObject({ code: 'not_ready' })
    expect(pair.kernel.now - begun).toBeLessThan(2_000)
  })

  describe('G6: while the stream of a shard takes nothing', () => {
    const key = { idempotencyKey: 'once', timeoutMs: 30_000 }
    const later = { idempotencyKey: 'later', timeoutMs: 30_000 }
    const address = `purse/${purseIn(0)}`
    const within = async (ms: number, asked: Promise<unknown>, code: string): Promise<void> => {
      const begun = pair.kernel.now
      await expect(pair.soon(asked)).rejects.toMatchObject({ code, lasting: true })
      expect(pair.kernel.now - begun).toBeLessThan(ms)
    }

    it.each([0, 1] as const)(
      'who asks node %i hears so in seconds: unknown of what was begun, not_ready of the rest',
      async (self) => {
        const fill = (of: typeof key) => pair.nodes[self].command(address, 'fill', { coins: 1 }, of)
        const coins = () => pair.nodes[self].query(address, 'coins', null, { timeoutMs: 30_000 })
        pair.refused = 'SHARD_pair_0'
        const underWay = [fill(key), fill(key)]
        const read = coins()
        const ends = underWay.map((asked) => within(6_500, asked, 'outcome_unknown'))
        await Promise.all([...ends, within(6_500, read, 'not_ready')])
        await within(500, fill(later), 'not_ready')
        await within(500, coins(), 'not_ready')
        // What its key leads to may stand in the journal.
        await within(500, fill(key), 'outcome_unknown')
        const other = pair.nodes[self].command(`purse/${purseIn(1)}`, 'fill', { coins: 1 })
        expect((await pair.soon(other)).value).toBe(1)
        pair.refused = ''
        await pair.soon(pair.kernel.wait(2_000))
        expect(await pair.soon(fill(key))).toEqual({ value: 1, replayed: true })
        expect(await pair.soon(fill(later))).toEqual({ value: 2, replayed: false })
        expect((await pair.soon(coins())).value).toBe(2)
      },
    )

    it('says so without a lease too, for it says nothing of any state', async () => {
      pair.refused = 'SHARD_pair_0'
      pair.mayAnswer[0] = false
      const fill = (of: typeof key) => pair.nodes[1].command(address, 'fill', { coins: 1 }, of)
      await within(6_500, fill(key), 'outcome_unknown')
      await within(500, fill(later), 'not_ready')
    })

    it.each([0, 1] as const)('tells node %i that an opening lasts', async (self) => {
      expect(await pair.soon(pair.nodes[0].handOver(0))).toBe(true)
      pair.leaderless = 'SHARD_pair_0'
      const opened = pair.nodes[0].open(0, 0)
      const fill = () => pair.nodes[self].command(address, 'fill', { coins: 1 }, key)
      await pair.soon(pair.kernel.wait(4_000))
      // An opening takes that long, and whoever asks again may be served.
      const early = { code: 'not_ready', lasting: false }
      await expect(pair.soon(fill())).rejects.toMatchObject(early)
      await pair.soon(pair.kernel.wait(1_500))
      await within(500, fill(), 'not_ready')
      pair.leaderless = ''
      await pair.soon(opened)
      expect((await pair.soon(fill())).value).toBe(1)
    })

    it('keeps no request waiting that the full frame has no room for', async () => {
      pair.refused = 'SHARD_pair_0'
      const note = 'a long note '.repeat(200)
      const ends = { outcome_unknown: 0, not_ready: 0 }
      const asked = Array.from({ length: 400 }, async () => {
        const fill = pair.nodes[0].command(
          address,
          'fill',
          { coins: 1, note },
          { timeoutMs: 30_000 },
        )
        await fill.catch((error: unknown) => {
          ends[(error as Fault).code as keyof typeof ends]++
        })
      })
      const begun = pair.kernel.now
      await pair.soon(Promise.all(asked))
      expect(pair.kernel.now - begun).toBeLessThan(6_500)
      expect(ends.not_ready).toBeGreaterThan(100)
      pair.refused = ''
      await pair.soon(pair.kernel.wait(2_000))
      const { value } = await pair.soon(pair.nodes[0].query(address, 'coins', null))
      expect(value).toBe(ends.outcome_unknown)
    })
  })

  it('SN6: makes no journal anew that has begun, and opens it when it is back', async () => {
    const address = `purse/${purseIn(1)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    expect(await pair.soon(pair.nodes[0].handOver(1))).toBe(true)
    const log = await pair.soon(pair.nats.stream('SHARD_pair_1', { replicas: 3 }))
    const kept: Uint8Array[] = []
    await pair.soon(log.read(1, 2, (_, bytes) => kept.push(Uint8Array.from(bytes))))
    pair.service.remove('SHARD_pair_1')
    const refused = { code: 'journal_regressed', message: expect.stringContaining('SHARD_pair_1') }
    for (let tries = 0; tries < 3; tries++)
      await expect(pair.soon(pair.nodes[1].open(1, 0))).rejects.toMatchObject(refused)
    const made = await pair.soon(pair.nats.stream('SHARD_pair_1', { replicas: 3 }))
    for (let tries = 0; tries < 3; tries++)
      await expect(pair.soon(pair.nodes[1].open(1, 0))).rejects.toMatchObject(refused)
    for (const [i, bytes] of kept.entries()) await pair.soon(made.append(bytes, i))
    pair.owners[1] = 1
    await pair.soon(pair.nodes[1].open(1, 0))
    expect((await pair.soon(pair.nodes[1].query(address, 'coins', null))).value).toBe(1)
  })

  describe('A9: a journal without messages that its shard once said it had', () => {
    const payer = `purse/${purseIn(0)}` as const
    const name = 'SHARD_pair_3'

    /** Shard 3 has a message of shard 0, which forgot it, and goes back to before. */
    async function goBack(): Promise<void> {
      const give = () =>
        pair.soon(pair.nodes[0].command(payer, 'give', { to: purseIn(3), coins: 1 }))
      await pair.soon(pair.nodes[0].command(payer, 'fill', { coins: 9 }))
      await give()
      await pair.soon(pair.kernel.wait(100))
      const log = await pair.soon(pair.nats.stream(name, { replicas: 3 }))
      const { last } = await pair.soon(log.bounds())
      const kept: Uint8Array[] = []
      await pair.soon(log.read(1, last, (_, bytes) => kept.push(Uint8Array.from(bytes))))
      await give()
      await pair.soon(pair.kernel.wait(100))
      // A journal alone would send everything again.
      await pair.soon(pair.nodes[0].snapshot())
      pair.service.remove('SNAP_pair_3')
      for (const shard of [0, 3]) expect(await pair.soon(pair.nodes[0].handOver(shard))).toBe(true)
      pair.service.remove(name)
      const older = await pair.soon(pair.nats.stream(name, { replicas: 3 }))
      for (const [i, bytes] of kept.entries()) await pair.soon(older.append(bytes, i))
    }

    it.each([
      ['on one node, opened last', 1, [0, 3]],
      ['on one node, opened first', 1, [3, 0]],
      ['on two nodes, opened last', 0, [0, 3]],
      ['on two nodes, opened first', 0, [3, 0]],
    ] as const)('is served no more: %s', async (_, at, order) => {
      await goBack()
      pair.owners[3] = 1
      pair.owners[0] = at
      for (const shard of order) await pair.soon(pair.nodes[shard === 3 ? 1 : at].open(shard, 0))
      await pair.soon(pair.kernel.wait(2_500))
      expect(pair.lost).toEqual([3])
      expect(pair.nodes[at].serves(0)).toBe(true)
      const why = {
        error: expect.objectContaining({
          code: 'journal_regressed',
          message: expect.stringContaining('one moment'),
        }),
      }
      expect(pair.reports).toContainEqual({
        event: 'shard_lost',
        detail: expect.objectContaining(why),
      })
    })
  })

  it('SN6: serves no shard whose journal is not noted', async () => {
    pair.notes = false
    expect(await pair.soon(pair.nodes[0].handOver(2))).toBe(true)
    pair.begun.delete(2)
    await expect(pair.soon(pair.nodes[1].open(2, 0))).rejects.toThrow(NatsUnreachable)
    expect(pair.nodes[1].serves(2)).toBe(false)
    pair.notes = true
    await pair.soon(pair.nodes[1].open(2, 0))
    expect(pair.begun.has(2)).toBe(true)
  })

  it('SN6: refuses a journal with turns that is not noted, and leaves it as it is', async () => {
    await pair.soon(pair.nodes[0].command(`purse/${purseIn(2)}`, 'fill', { coins: 1 }))
    expect(await pair.soon(pair.nodes[0].handOver(2))).toBe(true)
    pair.begun.delete(2)
    const log = await pair.soon(pair.nats.stream('SHARD_pair_2', { replicas: 0 }))
    const before = await pair.soon(log.bounds())
    const refused = { code: 'identity_lost', message: expect.stringContaining('SHARD_pair_2') }
    for (let tries = 0; tries < 3; tries++)
      await expect(pair.soon(pair.nodes[1].open(2, 0))).rejects.toMatchObject(refused)
    expect(pair.begun.has(2)).toBe(false)
    expect(await pair.soon(log.bounds())).toEqual(before)
    pair.begun.add(2)
    await pair.soon(pair.nodes[1].open(2, 0))
  })

  it('SN6: notes the journals of a cluster from before the notes', async () => {
    const address = `purse/${purseIn(2)}`
    await pair.soon(pair.nodes[0].command(address, 'fill', { coins: 1 }))
    expect(await pair.soon(pair.nodes[0].handOver(2))).toBe(true)
    pair.begun.delete(2)
    pair.journals.complete = false
    pair.owners[2] = 1
    await pair.soon(pair.nodes[1].open(2, 0))
    expect(pair.begun.has(2)).toBe(true)
    expect((await pair.soon(pair.nodes[1].query(address, 'coins', null))).value).toBe(1)
  })

  it('refuses a journal that ends before what was durable', async () => {
    await pair.soon(pair.nodes[0].command(`purse/${purseIn(1)}`, 'fill', { coins: 1 }))
    expect(await pair.soon(pair.nodes[0].handOver(1))).toBe(true)
    await expect(pair.soon(pair.nodes[1].open(1, 99))).rejects.toMatchObject({
      message: expect.stringContaining('99'),
    })
    expect(pair.nodes[1].serves(1)).toBe(false)
  })

  it('bounds the frames of a shard, whatever waits', async () => {
    const address = `purse/${purseIn(0)}`
    const note = 'a long note '.repeat(200)
    const filled: Promise<unknown>[] = []
    for (let i = 0; i < 900; i++) {
      filled.push(pair.nodes[0].command(address, 'fill', { coins: 1, note }))
    }
    await pair.soon(Promise.all(filled))
    const journal = await pair.soon(pair.nats.stream('SHARD_pair_0', { replicas: 3 }))
    const { first, last } = await pair.soon(journal.bounds())
    const sizes: number[] = []
    await pair.soon(journal.read(first, last, (_, bytes) => sizes.push(bytes.length)))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(900 * note.length)
    expect(Math.max(...sizes)).toBeLessThan(limits.openFrameBytes + 2 * note.length)
  })
})

it('names this node as the first place', () => {
  expect(here).toBe(0)
})
