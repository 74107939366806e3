import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NatsServers } from '../../transport/nats/index.js'
import { appendCosts } from '../harness/append-costs.js'
import { readNats } from '../harness/nats-meter.js'
import { nodeCosts } from './scale-out.js'

describe('the cost of a payment', () => {
  it('is split into what it costs anywhere, and what it costs more across nodes', () => {
    const runs = [1, 2, 3].map((nodes) => ({ nodes, nodeMicros: 50 + (30 * (nodes - 1)) / nodes }))
    const { nodeMicros, acrossMicros } = nodeCosts(runs)
    expect(nodeMicros).toBeCloseTo(50)
    expect(acrossMicros).toBeCloseTo(30)
  })

  it('is never less across nodes, whatever a noisy machine says', () => {
    const runs = [1, 2, 3].map((nodes) => ({ nodes, nodeMicros: 60 - nodes }))
    expect(nodeCosts(runs)).toEqual({ nodeMicros: 58, acrossMicros: 0 })
  })
})

describe('the cost of an append', () => {
  let servers: NatsServers
  beforeAll(async () => {
    servers = await NatsServers.start()
  })
  afterAll(() => servers.stop())

  it('is measured on a real server, and grows with the frame', async () => {
    const costs = await appendCosts(servers, { streams: 2, seconds: 0.5, replicas: 1 })
    expect(costs.frameMicros).toBeGreaterThan(0)
    const { frames, bytesEach, cpuSeconds } = await readNats(servers, 'COST_')
    expect(frames).toBeGreaterThan(2)
    expect(bytesEach).toBeGreaterThan(1_024)
    expect(cpuSeconds).toBeGreaterThan(0)
  })
})
