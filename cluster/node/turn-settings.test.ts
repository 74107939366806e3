import { expect, it } from 'vitest'
import { Random } from '../../runtime/simulation/index.js'
import { bucketName, Process, SimulatedCluster } from '../membership/testing/simulated-cluster.js'
import { turnSettings, type TurnSettings } from './turn-settings.js'

/** What a second node gets, in a cluster that another one founded. */
async function second(founder: TurnSettings, given: TurnSettings): Promise<TurnSettings> {
  const cluster = new SimulatedCluster(1)
  const nats = cluster.service.connect(new Process(cluster.kernel, new Random(1, 'node')))
  const bucket = await cluster.soon(nats.bucket(bucketName, { replicas: 3 }))
  await cluster.soon(turnSettings(bucket, founder))
  return cluster.soon(turnSettings(bucket, given))
}

const zone = (timeZone: string): TurnSettings => ({ timeZone })

it.each([
  [{}, zone('Etc/UTC')],
  [zone('Etc/UTC'), {}],
  [{}, zone('Zulu')],
  [zone('Asia/Kolkata'), zone('Asia/Calcutta')],
  [zone('asia/shanghai'), zone('Asia/Shanghai')],
  [zone('Mars/Olympus'), zone('Mars/Olympus')],
])('C4: a cluster of %j takes a node of %j, which decides with those', async (has, given) => {
  expect(await second(has, given)).toEqual(has)
})

it.each([
  [{}, zone('Europe/London')],
  [zone('Asia/Shanghai'), {}],
  [zone('Asia/Shanghai'), zone('Asia/Tokyo')],
  [{}, zone('Mars/Olympus')],
  [{ rate: 1 }, { rate: 2 }],
])('C4: a cluster of %j refuses a node of %j', async (has, given) => {
  await expect(second(has, given)).rejects.toMatchObject({ code: 'settings_differ' })
})
