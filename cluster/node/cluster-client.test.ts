import { expect, it } from 'vitest'
import { Fault, type Env } from '../../runtime/index.js'
import { ClusterClient, type Members } from './cluster-client.js'
import type { PatientClient } from './patient-client.js'

/** Time that passes only while somebody waits. */
class Waiting {
  now = 0
  readonly env = {
    clock: { now: () => this.now, monotonic: () => this.now },
    timers: {
      after: (delayMs: number, run: () => void) => {
        this.now += delayMs
        queueMicrotask(run)
        return { cancel: () => undefined }
      },
    },
  } as unknown as Env
}

/** Two members and two shards. `begin` is called when a member is asked to begin a comparison. */
function clientOf(
  waiting: Waiting,
  owners: readonly string[],
  begin: (member: string) => void,
  isCutOff = (): boolean => false,
): ClusterClient {
  const members: Members = {
    ids: () => ['a', 'b'],
    ownerOf: (shard) => owners[shard],
    shardOf: () => 0,
    isCutOff,
    call: async (member, name) => {
      await Promise.resolve()
      if (name === 'comparePairs') begin(member)
      return []
    },
  }
  return new ClusterClient(
    waiting.env,
    owners.length,
    undefined as unknown as PatientClient,
    members,
  )
}

it('begins a comparison once at each member that can, and ever less often at one that cannot', async () => {
  const waiting = new Waiting()
  const asked: [string, number][] = []
  const client = clientOf(waiting, ['a', 'b'], (member) => {
    asked.push([member, waiting.now])
    if (member === 'b') throw new Fault('not_ready')
  })
  await expect(client.comparePairs()).rejects.toMatchObject({ code: 'not_ready' })
  expect(asked.filter(([member]) => member === 'a')).toEqual([['a', 0]])
  const times = asked.filter(([member]) => member === 'b').map(([, time]) => time)
  expect(times.slice(0, 7)).toEqual([0, 50, 150, 350, 750, 1550, 2550])
  expect(times.length).toBeLessThan(20)
})

it('begins a comparison anew at the member that a shard has gone to meanwhile', async () => {
  const waiting = new Waiting()
  const owners = ['a', 'b']
  const asked: string[] = []
  const client = clientOf(waiting, owners, (member) => {
    asked.push(member)
    if (member !== 'b' || owners[1] === 'a') return
    owners[1] = 'a'
    throw new Fault('not_ready')
  })
  expect(await client.comparePairs()).toEqual([])
  expect(asked).toEqual(['a', 'b', 'a', 'b'])
})

it('M7: waits for no members that can not be asked', async () => {
  const waiting = new Waiting()
  const deaf = (): never => {
    throw new Fault('not_ready')
  }
  const client = clientOf(waiting, ['a', 'b'], deaf, () => waiting.now > 3_000)
  await expect(client.comparePairs()).rejects.toMatchObject({ code: 'not_ready' })
  expect(waiting.now).toBeLessThan(5_000)
  const missing = clientOf(waiting, ['a', 'b'], deaf, () => true)
  await expect(missing.shardStatus()).rejects.toMatchObject({ code: 'not_ready' })
  expect(waiting.now).toBeLessThan(5_000)
})
