import { describe, expect, it } from 'vitest'
import { Fault, Refused, type Answered, type Env } from '../../runtime/index.js'
import { PatientClient, type Attempts, type Surroundings } from './patient-client.js'

/** Time that passes only while somebody waits. */
function waitingEnv(): Env {
  let now = 0
  const timers = {
    after: (delayMs: number, run: () => void) => {
      now += delayMs
      queueMicrotask(run)
      return { cancel: () => undefined }
    },
    soon: (run: () => void) => {
      queueMicrotask(run)
    },
  }
  const clock = { now: () => now, monotonic: () => now }
  return { clock, timers } as Env
}

/** A cluster that gives these answers, one after the other, the last for ever. */
class Scripted implements Attempts {
  readonly timeouts: number[] = []
  private readonly answers: (Error | Answered<unknown>)[]

  constructor(...answers: (Error | Answered<unknown>)[]) {
    this.answers = answers
  }

  command(
    _address: string,
    _name: string,
    _input: unknown,
    options: { timeoutMs?: number },
  ): Promise<Answered<unknown>> {
    this.timeouts.push(options.timeoutMs!)
    const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
  }

  query(
    address: string,
    name: string,
    input: unknown,
    options: { timeoutMs: number },
  ): Promise<Answered<unknown>> {
    return this.command(address, name, input, options)
  }
}

const done = { value: 'settled', replayed: false }
const key = { idempotencyKey: 'k-1' }

const fairWeather: Surroundings = { cutOff: () => false, adrift: () => false }

function client(attempts: Attempts): PatientClient {
  return new PatientClient(waitingEnv(), attempts, 30_000, fairWeather)
}

describe('a patient client', () => {
  it('waits until a shard that is on its way is served again', async () => {
    const attempts = new Scripted(new Fault('not_ready'), new Fault('not_ready'), done)
    await expect(client(attempts).command('account/a', 'pay', {})).resolves.toEqual(done)
    expect(attempts.timeouts).toHaveLength(3)
  })

  it('P1: repeats what may have been executed, when its key makes that safe', async () => {
    const attempts = new Scripted(new Fault('outcome_unknown'), new Fault('fenced'), done)
    await expect(client(attempts).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
  })

  it('P1: never repeats a command without a key that may have been executed', async () => {
    const attempts = new Scripted(new Fault('outcome_unknown'), done)
    const asked = client(attempts).command('account/a', 'pay', {})
    await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown' })
    expect(attempts.timeouts).toHaveLength(1)
  })

  it('repeats queries, which change nothing', async () => {
    const attempts = new Scripted(new Fault('outcome_unknown'), done)
    await expect(client(attempts).query('account/a', 'view', null)).resolves.toEqual(done)
  })

  it('P2: says that the outcome is unknown when any attempt may have been executed', async () => {
    const attempts = new Scripted(new Fault('outcome_unknown'), new Fault('not_ready'))
    const asked = client(attempts).command('account/a', 'pay', {}, key)
    await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
    const never = new Scripted(new Fault('not_ready'))
    const refused = client(never).command('account/a', 'pay', {}, key)
    await expect(refused).rejects.toMatchObject({ code: 'not_ready', outcome: 'not_executed' })
  })

  it('P2: waits for the key behind requests that were taken in since', async () => {
    const attempts = new Scripted(new Fault('outcome_unknown'), new Fault('overloaded'), done)
    await expect(client(attempts).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
    const full = new Scripted(new Fault('outcome_unknown'), new Fault('overloaded'))
    const asked = client(full).command('account/a', 'pay', {}, key)
    await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
  })

  it.each(['closed', 'quarantined', 'actor_failed', 'idempotency_key_expired'] as const)(
    'P2: says unknown, and not what %s says, of a request that may have been executed',
    async (code) => {
      const attempts = new Scripted(new Fault('outcome_unknown'), new Fault(code), done)
      const asked = client(attempts).command('account/a', 'pay', {}, key)
      await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
    },
  )

  it.each(['closed', 'overloaded', 'actor_failed'] as const)(
    'P3: tells %s of a query as it is, whatever an earlier attempt met',
    async (code) => {
      const attempts = new Scripted(new Fault('outcome_unknown'), new Fault(code), done)
      const asked = client(attempts).query('account/a', 'view', null)
      await expect(asked).rejects.toMatchObject({ code, outcome: 'not_executed' })
      expect(attempts.timeouts).toHaveLength(2)
    },
  )

  it.each([new Refused('insufficient_funds', 'Too little.'), new Fault('idempotency_conflict')])(
    'P2: takes what the key leads to',
    async (answer) => {
      const attempts = new Scripted(new Fault('outcome_unknown'), answer)
      await expect(client(attempts).command('account/a', 'pay', {}, key)).rejects.toBe(answer)
    },
  )

  it('gives each attempt more time when the one before met silence, and none more than is left', async () => {
    const env = waitingEnv()
    const timeouts: number[] = []
    const silence: Attempts['command'] = (_address, _name, _input, options) => {
      timeouts.push(options.timeoutMs!)
      return new Promise((_, reject) =>
        env.timers.after(options.timeoutMs!, () => {
          reject(new Fault('outcome_unknown'))
        }),
      )
    }
    const asked = new PatientClient(env, { command: silence, query: silence }, 30_000, fairWeather)
    await expect(
      asked.command('account/a', 'pay', {}, { ...key, timeoutMs: 10_000 }),
    ).rejects.toThrow()
    expect(timeouts.slice(0, 2)).toEqual([2_000, 4_000])
    expect(timeouts).toHaveLength(3)
    expect(timeouts[2]).toBeLessThan(4_000)
  })

  it('gives no attempt more time for answers that came at once', async () => {
    const attempts = new Scripted(...Array.from({ length: 20 }, () => new Fault('not_ready')), done)
    await expect(client(attempts).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
    expect(attempts.timeouts).toEqual(Array.from({ length: 21 }, () => 2_000))
  })

  describe('P4: where nothing can be answered', () => {
    let cut = true
    const asked = (attempts: Attempts): PatientClient =>
      new PatientClient(waitingEnv(), attempts, 30_000, { ...fairWeather, cutOff: () => cut })

    it('says that what was not tried is not executed', async () => {
      cut = true
      const attempts = new Scripted(done)
      await expect(asked(attempts).command('account/a', 'pay', {}, key)).rejects.toMatchObject({
        ...{
          code: 'not_ready',
          outcome: 'not_executed',
          message: expect.stringContaining('journals'),
        },
      })
      await expect(asked(attempts).query('account/a', 'look', {})).rejects.toMatchObject({
        code: 'not_ready',
      })
      expect(attempts.timeouts).toEqual([])
      cut = false
      await expect(asked(attempts).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
    })

    it('says nothing of what was tried but that it is unknown', async () => {
      cut = false
      const attempts = new Scripted(done)
      const command = (): Promise<never> => {
        cut = true
        return Promise.reject(new Fault('outcome_unknown'))
      }
      const tried = asked({
        command,
        query: () => attempts.query('a/a', 'q', {}, { timeoutMs: 1 }),
      })
      await expect(tried.command('account/a', 'pay', {}, key)).rejects.toMatchObject({
        code: 'outcome_unknown',
      })
      await expect(tried.query('account/a', 'look', {})).rejects.toMatchObject({
        code: 'not_ready',
      })
    })
  })

  describe('P5: where trouble lasts', () => {
    const lasting = { lasting: true }

    it('asks once, and tells what the owner says of a request that was not executed', async () => {
      const told = new Fault('not_ready', 'no room', lasting)
      const attempts = new Scripted(new Fault('not_ready'), told, done)
      const asked = client(attempts)
      await expect(asked.command('account/a', 'pay', {}, key)).rejects.toBe(told)
      expect(attempts.timeouts).toHaveLength(2)
      const again = new Scripted(told, done)
      await expect(client(again).query('account/a', 'view', null)).rejects.toBe(told)
    })

    it('P2: says that the outcome is unknown when an attempt before may have been executed', async () => {
      const told = new Fault('not_ready', 'no room', lasting)
      const attempts = new Scripted(new Fault('outcome_unknown'), told, done)
      const asked = client(attempts).command('account/a', 'pay', {}, key)
      await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown' })
      const unknown = new Scripted(new Fault('outcome_unknown', undefined, lasting), done)
      const other = client(unknown).command('account/a', 'pay', {}, key)
      await expect(other).rejects.toMatchObject({ code: 'outcome_unknown' })
      expect(unknown.timeouts).toHaveLength(1)
    })

    it('waits for no other owner while nobody here holds a lease, and takes what answers there are', async () => {
      let adrift = true
      const asked = (attempts: Attempts): PatientClient =>
        new PatientClient(waitingEnv(), attempts, 30_000, { ...fairWeather, adrift: () => adrift })
      const attempts = new Scripted(new Fault('not_ready'), done)
      await expect(asked(attempts).command('account/a', 'pay', {}, key)).rejects.toMatchObject({
        code: 'not_ready',
      })
      await expect(asked(attempts).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
      adrift = false
      const later = new Scripted(new Fault('not_ready'), done)
      await expect(asked(later).command('account/a', 'pay', {}, key)).resolves.toEqual(done)
    })
  })

  it('hands refusals and other trouble on at once', async () => {
    for (const error of [
      new Refused('insufficient_funds', 'Too little.'),
      new Fault('overloaded'),
    ]) {
      const attempts = new Scripted(error, done)
      await expect(client(attempts).command('account/a', 'pay', {}, key)).rejects.toBe(error)
    }
  })
})
