import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { NatsRefused, NatsUnreachable, type Nats } from '../../transport/index.js'
import { encodeAnswer, refuse, type ControlAnswer } from '../membership/control.js'
import { ClusterSession } from './cluster-session.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const done = (mapVersion: number) => ({ ok: true, mapVersion }) as const
const silence = new NatsUnreachable('no answer in time')

/** A session with a cluster that gives these answers, one after the other; by now they were asked for. */
function session(...answers: readonly (ControlAnswer | Error)[]) {
  const asked: string[] = []
  const request = (subject: string): Promise<Uint8Array> => {
    const answer = answers[asked.push(subject) - 1] ?? silence
    if (answer instanceof Error) return Promise.reject(answer)
    return Promise.resolve(encodeAnswer(answer))
  }
  const bucket = (): Promise<unknown> => Promise.resolve({})
  const nats = { bus: { request }, bucket } as unknown as Nats
  return { asked, session: new ClusterSession(nats, 'c') }
}

const status = {
  ...{ coordinator: 'b', term: 2, format: 1, nodes: [], shards: [] },
  mapVersion: 9,
}

async function ended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  // Not all timers there are: others of this process may begin one after another without end.
  await vi.advanceTimersByTimeAsync(60_000)
  return promise
}

it('CS1: a coordinator that dies before it answers is asked again, and so is the next one', async () => {
  const { session: cluster, asked } = session(silence, silence, done(7))
  await expect(ended(cluster.ask({ type: 'rebalance' }))).resolves.toMatchObject(done(7))
  expect(asked).toHaveLength(3)
})

it('CS1: what the dead one has done is done', async () => {
  const told = { ...done(9), status }
  const { session: cluster } = session(silence, refuse('already_draining'), told)
  await expect(ended(cluster.ask({ type: 'drain', node: 'a' }))).resolves.toMatchObject(done(9))
})

it('what was so before is refused, but to those who want just that', async () => {
  const refused = session(refuse('already_draining')).session
  const asked = { type: 'drain', node: 'a' } as const
  await expect(ended(refused.ask(asked))).rejects.toMatchObject({ code: 'already_draining' })
  const wanted = session(refuse('already_draining'), { ...done(9), status }).session
  await expect(ended(wanted.ask(asked, 'already_draining'))).resolves.toMatchObject(done(9))
})

it('when nobody answers for longer than an election takes, that is said', async () => {
  const { session: cluster, asked } = session()
  await expect(ended(cluster.ask({ type: 'status' }))).rejects.toMatchObject({
    code: 'no_coordinator',
  })
  expect(asked).toHaveLength(4)
})

it('where there is no such cluster nobody is waited for', async () => {
  const { session: cluster, asked } = session()
  const missing = new NatsRefused('nats_missing', 'There is none.')
  Object.assign(cluster.nats, { bucket: () => Promise.reject(missing) })
  await expect(ended(cluster.status())).rejects.toMatchObject({ code: 'unknown_cluster' })
  expect(asked).toHaveLength(1)
})
