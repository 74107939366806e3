/** A measured process: the client of Redis. One hash an account, one list of entries, one key a payment. */
import { amountEach, type Found } from '../harness/acknowledged.js'
import { BenchFailed } from '../harness/bench-failed.js'
import { inWindow } from './open-parties.js'
import { servePeer, type PeerClient, type PeerSetup } from './peer-load.js'
import type { Parties } from './parties.js'

/** Keys: payer, payee, idempotency key, history of the payer, history of the payee. */
const script = `
  local known = redis.call('GET', KEYS[3])
  if known then return known end
  local amount = tonumber(ARGV[1])
  local counters = redis.call('HMGET', KEYS[1], 'credits', 'debits')
  if tonumber(counters[1]) - tonumber(counters[2]) < amount then
    return redis.error_reply('insufficient_funds')
  end
  local id = redis.call('INCR', 'payments')
  redis.call('HINCRBY', KEYS[1], 'debits', amount)
  redis.call('HINCRBY', KEYS[2], 'credits', amount)
  redis.call('SET', KEYS[3], id, 'PX', 86400000)
  redis.call('RPUSH', KEYS[4], id)
  redis.call('RPUSH', KEYS[5], id)
  return id
`

const fundsEach = 1_000_000_000_000

type Word = string | number

/** What is used of the driver: a compiler that compares its own types takes seconds over them. */
interface Redis {
  on(event: 'error', listener: () => void): unknown
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void
  dbsize(): Promise<number>
  hset(key: string, ...fieldsAndValues: Word[]): Promise<number>
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>
  llen(key: string): Promise<number>
  /** Defined by {@link connect}. */
  pay(...keysAndAmount: Word[]): Promise<unknown>
}

type Driver = new (options: PeerSetup['endpoint'] & { retryStrategy: () => number }) => Redis

async function connect({ endpoint }: PeerSetup): Promise<PeerClient> {
  const Driver = await loadDriver()
  const redis = new Driver({ ...endpoint, retryStrategy: () => retryMs })
  // Refused connections while the server starts or loads are tried again; each command tells its own end.
  redis.on('error', () => undefined)
  redis.defineCommand('pay', { numberOfKeys: 5, lua: script })
  await loaded(redis)
  return {
    async fill(parties: Parties): Promise<void> {
      await inWindow(parties.count, (party) => {
        const funds = parties.isMerchant(party) ? 0 : fundsEach
        return redis.hset(`a${party}`, 'debits', 0, 'credits', funds)
      })
    },
    pay: (key, payer, payee) =>
      redis.pay(`a${payer}`, `a${payee}`, key, `h${payer}`, `h${payee}`, amountEach),
    found: (parties) => findPayments(redis, parties),
  }
}

async function findPayments(
  redis: Redis,
  parties: Parties,
): Promise<Found & { conserved: boolean }> {
  const paid = new Float64Array(parties.count)
  const received = new Float64Array(parties.count)
  let entries = 0
  await inWindow(parties.count, async (party) => {
    const [debits, credits] = await redis.hmget(`a${party}`, 'debits', 'credits')
    const funds = parties.isMerchant(party) ? 0 : fundsEach
    paid[party] = Number(debits) / amountEach
    received[party] = (Number(credits) - funds) / amountEach
    const rows = await redis.llen(`h${party}`)
    entries += rows
  })
  const sum = (side: Float64Array): number => side.reduce((total, one) => total + one, 0)
  return { paid, received, conserved: sum(paid) === sum(received) && 2 * sum(paid) === entries }
}

async function loadDriver(): Promise<Driver> {
  try {
    return (await import('ioredis')).Redis as unknown as Driver
  } catch {
    throw new BenchFailed('The client of Redis is not installed; run "npm install ioredis".')
  }
}

const retryMs = 100
const triesMax = 600

/** After a restart Redis answers LOADING until its file is read. */
async function loaded(redis: Redis): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await redis.dbsize()
      return
    } catch (error) {
      if (tries === triesMax) throw error
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

servePeer(connect)
