import { describe, expect, it } from 'vitest'
import {
  askCoordinator,
  controlRefusals,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type ControlAnswer,
  type ControlRequest,
} from './control.js'
import { mapKey } from '../placement/shard-map.js'
import {
  bucketName,
  clusterName,
  SimulatedCluster,
  type SimulatedNode,
} from './testing/simulated-cluster.js'

async function clusterOf(count: number, seed = 1): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed)
  for (let i = 0; i < count; i++) cluster.add(`node-${i}`)
  await cluster.until('up', () => cluster.settled(), 30_000)
  return cluster
}

/** Asks from a node, and waits for the answer. */
function ask(
  cluster: SimulatedCluster,
  request: Partial<ControlRequest> & { type: string },
  from = cluster.nodes[0]!,
): Promise<ControlAnswer> {
  const whole = { by: 'an operator', ...request } as ControlRequest
  return cluster.soon(askCoordinator(from.nats.bus, clusterName, whole, 3_000))
}

function codeOf(answer: ControlAnswer): string {
  return answer.ok ? 'ok' : answer.code
}

describe('the office', () => {
  it('O2: goes to another when its holder dies, with a later term, and all shards have owners', async () => {
    const cluster = await clusterOf(3)
    const first = cluster.coordinator!
    const { term } = first.coordinator
    first.kill()
    await cluster.until('another', () => cluster.coordinator !== undefined, 10_000)
    expect(cluster.coordinator!.coordinator.term).toBe(term! + 1)
    await cluster.until('all is well', () => cluster.settled(), 20_000)
  })

  it('O2: goes to another at once when it was laid down', async () => {
    const cluster = await clusterOf(3)
    const first = cluster.coordinator!
    const began = cluster.kernel.now
    void first.coordinator.resign()
    const another = (): boolean => ![undefined, first].includes(cluster.coordinator)
    await cluster.until('another', another, 10_000)
    expect(cluster.kernel.now - began).toBeLessThan(1_500)
  })

  it('C1, C2: one who stood still beyond its lease changes nothing when it goes on', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = await clusterOf(3, seed)
      const zombie = cluster.coordinator!
      // Caught in the middle of a decision: its writes are on their way or about to leave.
      const [, other] = cluster.nodes as [SimulatedNode, SimulatedNode]
      other.kill()
      await cluster.pass(cluster.random.between(2_200, 3_200))
      zombie.process.paused = true
      const others = (): boolean => ![undefined, zombie].includes(cluster.coordinator)
      await cluster.until('another takes over', others, 15_000)
      const { term } = cluster.coordinator!.coordinator
      await cluster.until('the map is taken', () => cluster.witness.map!.term === term, 5_000)
      zombie.process.resume()
      await cluster.pass(3_000)
      expect(zombie.coordinator.term).toBeUndefined()
      expect(cluster.witness.map!.term).toBe(term)
    }
  })
})

describe('a shard map that somebody removed', () => {
  const remove = (cluster: SimulatedCluster): void => {
    const bucket = cluster.service.bucket(bucketName)
    bucket.change(mapKey, undefined, bucket.get(mapKey)!.revision, cluster.kernel.now)
  }

  it('P8: is put back by the coordinator, and shards of the dead go to others again', async () => {
    const cluster = await clusterOf(3)
    remove(cluster)
    cluster.nodes.find((node) => node !== cluster.coordinator)!.kill()
    await cluster.until('all is well', () => cluster.settled(), 20_000)
  })

  it('P8: is put back also by a coordinator that has never seen it', async () => {
    const cluster = await clusterOf(2)
    const { version } = cluster.witness.map!
    remove(cluster)
    for (const node of [...cluster.nodes]) node.kill()
    cluster.add('node-9')
    await cluster.until('all is well', () => cluster.settled(), 30_000)
    expect(cluster.witness.map!.version).toBeGreaterThan(version)
  })

  it('P8: is not made up by a coordinator that has never seen it while others serve', async () => {
    const cluster = await clusterOf(2)
    const bucket = cluster.service.bucket(bucketName)
    const [one, other] = cluster.nodes as [SimulatedNode, SimulatedNode]
    other.membership.tellShards(new Map([[0, { ordinal: 1, load: 1 }]]))
    await cluster.pass(1_000)
    bucket.erase(mapKey)
    const late = cluster.add('node-9')
    one.kill()
    await cluster.until('one of two', () => cluster.coordinator !== undefined, 15_000)
    if (cluster.coordinator === other) await cluster.soon(other.coordinator.resign())
    await cluster.until('the late one', () => cluster.coordinator === late, 30_000)
    await cluster.pass(10_000)
    expect(bucket.get(mapKey)).toBeUndefined()
  })
})

describe('an operator', () => {
  it('sees nodes and shards', async () => {
    const cluster = await clusterOf(3)
    const answer = await ask(cluster, { type: 'status' })
    if (!answer.ok) throw new Error(answer.sentence)
    const status = answer.status!
    expect(status.nodes.map(({ name }) => name).sort()).toEqual(['node-0', 'node-1', 'node-2'])
    expect(status.shards).toHaveLength(16)
    expect(status.nodes.reduce((sum, node) => sum + node.shards, 0)).toBe(16)
    expect(status.coordinator).toBe(cluster.coordinator!.membership.id)
  })

  it('moves a shard to a node, and is told who asked', async () => {
    const cluster = await clusterOf(3)
    const shard = cluster.nodes[0]!.assignments.owned()[0]!
    expect(codeOf(await ask(cluster, { type: 'move', shard, to: 'node-1' }))).toBe('ok')
    await cluster.until('there', () => cluster.nodes[1]!.owns(shard), 5_000)
    expect(codeOf(await ask(cluster, { type: 'move', shard, to: 'node-1' }))).toBe('already_there')
    const told = cluster.coordinator!.reports.find(({ event }) => event === 'operator_request')
    expect(told?.detail).toMatchObject({ by: 'an operator', type: 'move', shard })
  })

  it('B4: finds a shard where it was put, until shards are moved or spread anew', async () => {
    const cluster = await clusterOf(2)
    const [from, to] = cluster.nodes as [SimulatedNode, SimulatedNode]
    const moved = from.assignments.owned().slice(0, 4)
    for (const shard of moved) {
      expect(codeOf(await ask(cluster, { type: 'move', shard, to: to.name }))).toBe('ok')
      await cluster.until('there', () => to.owns(shard), 5_000)
    }
    await cluster.pass(20_000)
    expect(to.assignments.owned()).toEqual(expect.arrayContaining(moved))
    // The others went the other way instead: the nodes are even all the same.
    expect(to.assignments.owned()).toHaveLength(8)
    const [first] = moved as [number]
    expect(codeOf(await ask(cluster, { type: 'move', shard: first, to: from.name }))).toBe('ok')
    await cluster.until('back', () => from.owns(first), 5_000)
    await cluster.pass(20_000)
    expect(from.owns(first)).toBe(true)
    expect(cluster.witness.map!.shards.filter(({ pinned }) => pinned)).toHaveLength(4)
    expect(codeOf(await ask(cluster, { type: 'rebalance' }))).toBe('ok')
    expect(cluster.witness.map!.shards.filter(({ pinned }) => pinned)).toEqual([])
  })

  it('is told that nodes are being evened out until they are even', async () => {
    const cluster = await clusterOf(2)
    const [from, to] = cluster.nodes as [SimulatedNode, SimulatedNode]
    // What is not pinned yet goes the other way meanwhile, until all is there.
    for (let shard; (shard = from.assignments.owned()[0]) !== undefined;) {
      await ask(cluster, { type: 'move', shard, to: to.name })
      await cluster.pass(200)
    }
    const evening = async (): Promise<boolean | undefined> => {
      const answer = await ask(cluster, { type: 'status' })
      return answer.ok ? answer.status?.evening : undefined
    }
    expect(await evening()).toBe(false)
    expect(codeOf(await ask(cluster, { type: 'rebalance' }))).toBe('ok')
    expect(await evening()).toBe(true)
    for (let times = 0; times < 200 && (await evening()) === true; times++) await cluster.pass(10)
    expect(from.assignments.owned()).toHaveLength(8)
    expect(cluster.witness.map!.shards.map(({ next }) => next)).not.toContainEqual(
      expect.anything(),
    )
  })

  it('empties a node and gives it back', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.nodes.find((each) => each !== cluster.coordinator)!
    const { name } = node
    expect(codeOf(await ask(cluster, { type: 'drain', node: name }))).toBe('ok')
    expect(codeOf(await ask(cluster, { type: 'drain', node: name }))).toBe('already_draining')
    await cluster.until('empty', () => node.assignments.owned().length === 0, 20_000)
    const to = { type: 'move', shard: 0, to: name } as const
    expect(codeOf(await ask(cluster, to))).toBe('node_not_up')
    expect(codeOf(await ask(cluster, { type: 'undrain', node: name }))).toBe('ok')
    expect(codeOf(await ask(cluster, { type: 'undrain', node: name }))).toBe('not_draining')
    await cluster.until('even', () => cluster.settled(), 20_000)
  })

  it('is refused what can not be, by code and sentence', async () => {
    const cluster = await clusterOf(2)
    const [a, b] = cluster.nodes as [SimulatedNode, SimulatedNode]
    const shard = a.assignments.owned()[0]!
    const refused: [Partial<ControlRequest> & { type: string }, string][] = [
      [{ type: 'move', shard, to: 'nobody' }, 'unknown_node'],
      [{ type: 'move', shard: 16, to: b.name }, 'unknown_shard'],
      [{ type: 'drain', node: 'nobody' }, 'unknown_node'],
      [{ type: 'move', shard: -1, to: b.name }, 'invalid_request'],
      [{ type: 'explode' } as never, 'invalid_request'],
      [{ type: 'finalise', format: 1 }, 'format_not_newer'],
      [{ type: 'finalise', format: 3 }, 'format_unread'],
      [{ type: 'finalise', format: 2 }, 'ok'],
    ]
    for (const [request, code] of refused) {
      const answer = await ask(cluster, request)
      expect(codeOf(answer)).toBe(code)
      if (!answer.ok) expect(answer.sentence).toBe(controlRefusals[answer.code])
    }
    expect(codeOf(await ask(cluster, { type: 'drain', node: a.name }))).toBe('ok')
    expect(codeOf(await ask(cluster, { type: 'drain', node: b.name }))).toBe('last_node')
  })

  it('is told that a shard is on its way to another node', async () => {
    const cluster = await clusterOf(3)
    const a = cluster.coordinator!
    const [b, c] = cluster.nodes.filter((node) => node !== a) as [SimulatedNode, SimulatedNode]
    const shard = a.assignments.owned()[0]!
    b.process.paused = true
    const way = (to: string): Promise<ControlAnswer> => ask(cluster, { type: 'move', shard, to }, c)
    expect(codeOf(await way(b.name))).toBe('ok')
    expect(codeOf(await way(c.name))).toBe('already_moving')
    expect(codeOf(await way(b.name))).toBe('ok')
    // K2: the taker is dead in the end, and the move is off.
    await cluster.until(
      'called off',
      () => cluster.witness.map!.shards[shard]!.next === undefined && a.owns(shard),
      10_000,
    )
    b.process.resume()
    await cluster.until('all is well', () => cluster.settled(), 20_000)
  })

  it('is told that nobody is in office', async () => {
    const cluster = await clusterOf(1)
    const node = cluster.nodes[0]!
    void node.coordinator.resign()
    await cluster.pass(10)
    expect(codeOf(await ask(cluster, { type: 'status' }))).toBe('no_coordinator')
  })
})

describe('requests and answers on the bus', () => {
  it.each<ControlRequest>([
    { type: 'status', by: 'x' },
    { type: 'rebalance', by: 'x' },
    { type: 'move', shard: 3, to: 'a=1', by: 'x' },
    { type: 'drain', node: 'a', by: 'x' },
    { type: 'undrain', node: 'a', by: 'x' },
    { type: 'finalise', format: 2, by: 'x' },
    { type: 'set', name: 'log.level', value: 'debug', by: 'x' },
    { type: 'set', name: 'rebalance.enabled', value: false, by: 'x' },
    { type: 'set', name: 'rebalance.moves_max', by: 'x' },
  ])('$type is read back as it was written', (request) => {
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
  })

  it.each([
    ['{}'],
    ['{"type":"status"}'],
    ['{"type":"status","by":""}'],
    ['{"type":"move","by":"x","shard":1.5,"to":"a"}'],
    ['{"type":"drain","by":"x","node":7}'],
    ['{"type":"set","by":"x","value":1}'],
    ['{"type":"set","by":"x","name":"log.level","value":{}}'],
    ['not JSON'],
  ])('%s is no request', (text) => {
    expect(decodeRequest(Buffer.from(text))).toBeUndefined()
  })

  it('an answer is read back; what is none is not taken for one', () => {
    const refused: ControlAnswer = { ok: false, code: 'last_node', sentence: 'No.' }
    expect(decodeAnswer(encodeAnswer(refused))).toEqual(refused)
    expect(decodeAnswer(encodeAnswer({ ok: true, mapVersion: 3 }))).toEqual({
      ok: true,
      mapVersion: 3,
    })
    for (const text of [
      '{}',
      '{"ok":true}',
      '{"ok":false}',
      '{"ok":true,"mapVersion":1,"status":{}}',
    ]) {
      expect(decodeAnswer(Buffer.from(text))).toBeUndefined()
    }
  })
})
