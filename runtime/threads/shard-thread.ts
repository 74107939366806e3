/**
 * The thread's side of a runtime: recovers its shards, hosts them, obeys orders. The same class runs
 * in a worker (`shard-worker.ts`) and, with no threads, in the caller's.
 *
 * It only reads until it is told to open its lane: whether the shards of all threads fit each other (A8) is known only
 * then, and a start that is refused for it must leave the folder as it was (A9).
 */
import { dirname, join } from 'node:path'
import { Kinds } from '../actor/kinds.js'
import type { ActorModule } from '../actor/define-actor.js'
import { assert } from '../assert.js'
import type { Env } from '../env/env.js'
import { openerError, openLane, type FileLane } from '../journal/file/index.js'
import { limits } from '../limits.js'
import type { ShardState } from '../shard/shard-state.js'
import { FileSnapshots } from '../snapshot/file-snapshots.js'
import { putTogether, type MovedState } from '../snapshot/moved-state.js'
import { Snapshotter } from '../snapshot/snapshotter.js'
import type { Link } from '../../transport/index.js'
import { PeerWriter, readPeers, readRequests } from './batches.js'
import { LaneHold } from './lane-hold.js'
import { pairEndsOf } from './pair-ends.js'
import { emptyState, recoverShards, type PassedOver } from './recover-shards.js'
import type { RecoveryHelp } from './recovery-helpers.js'
import { ShardHost } from './shard-host.js'
import type { Order, ThreadStart } from './thread-protocol.js'

/** Links and callbacks of a shard thread. */
export interface ShardThreadPorts {
  readonly client: Link
  /** By thread number; none for the thread itself. */
  readonly peers: readonly (Link | undefined)[]
  report(event: string, detail: Record<string, unknown>): void
  fail(error: unknown): void
  /** Threads that help to recover. */
  readonly help?: RecoveryHelp | undefined
}

/** What a thread found in its folder. */
interface Found {
  readonly states: readonly ShardState[]
  readonly passedOver: readonly PassedOver[]
}

/** What a thread writes to. */
interface Written {
  readonly lane: FileLane
  readonly snapshotter: Snapshotter
  readonly hold: LaneHold
}

export class ShardThread {
  private readonly env: Env
  private readonly startedWith: ThreadStart
  private readonly ports: ShardThreadPorts
  private readonly host: ShardHost
  private readonly found: Found
  private opened: Written | undefined

  private constructor(
    env: Env,
    start: ThreadStart,
    ports: ShardThreadPorts,
    host: ShardHost,
    found: Found,
  ) {
    this.env = env
    this.startedWith = start
    this.ports = ports
    this.host = host
    this.found = found
  }

  /** Recovers the thread's shards and connects them; writes nothing. @throws OpenRefused */
  static async open(
    env: Env,
    start: ThreadStart,
    actors: ActorModule,
    ports: ShardThreadPorts,
  ): Promise<ShardThread> {
    const kinds = new Kinds(actors)
    const found = await recover(env, start, kinds, ports)
    const host = makeHost(env, start, kinds, ports)
    ports.client.onBatch((bytes) => {
      readRequests(bytes, (shard, request) => {
        host.submit(shard, request)
      })
    })
    for (const peer of ports.peers) {
      peer?.onBatch((bytes) => {
        host.receive(readPeers(bytes))
      })
    }
    return new ShardThread(env, start, ports, host, found)
  }

  /** Ends at once; what is not durable is lost. */
  stop(): Promise<void> {
    this.host.stop()
    return Promise.resolve()
  }

  /** Obeys one order. */
  async obey(order: Order): Promise<unknown> {
    switch (order.type) {
      case 'pairEnds':
        return this.found.states.map(pairEndsOf)
      case 'openLane':
        return this.openLane()
      case 'greet':
        this.host.greet()
        return undefined
      case 'serve':
        this.host.serve()
        return undefined
      case 'status':
        return this.host.status(order)
      case 'quarantined':
        return this.host.quarantined()
      case 'release':
        return this.host.releaseActor(order.shard, order.address)
      case 'comparePairs':
        this.host.comparePairs()
        return undefined
      case 'silentPairs':
        return this.host.silentPairs()
      case 'snapshot':
        await this.written.snapshotter.snapshotAll()
        return undefined
      case 'holdRemovals':
        return this.written.snapshotter.removals.hold()
      case 'resumeRemovals':
        this.written.snapshotter.removals.resume()
        return undefined
      case 'holdLane':
        return this.written.hold.begin()
      case 'resumeLane':
        return this.written.hold.end()
      case 'seal':
        await this.written.snapshotter.stop()
        await this.host.seal()
        return this.written.lane.end
    }
  }

  /** @throws OpenRefused, Fault */
  private async openLane(): Promise<void> {
    const { env, startedWith: start, ports, host } = this
    const { states, passedOver } = this.found
    try {
      const shards = new Set(states.map(({ shard }) => shard))
      const lane = await openLane(env, start.plan, start.thread, shards)
      for (const snapshot of passedOver) await setAside(env, snapshot, ports)
      this.opened = { lane, ...attachLane(env, start, host, lane, states, ports) }
    } catch (error) {
      throw openerError(env, start.plan, error)
    }
  }

  private get written(): Written {
    assert(this.opened !== undefined, 'a thread writes after its lane was opened')
    return this.opened
  }
}

/** @throws OpenRefused */
async function recover(
  env: Env,
  start: ThreadStart,
  kinds: Kinds,
  ports: ShardThreadPorts,
): Promise<Found> {
  try {
    const passedOver: PassedOver[] = []
    const states = await recoverShards(env, start, kinds, passedOver, ports.help?.board)
    for (const helped of (await ports.help?.recovered()) ?? []) {
      for (const moved of helped.states) states.push(arrived(start, kinds, moved))
      passedOver.push(...helped.passedOver)
    }
    states.sort((a, b) => a.shard - b.shard)
    return { states, passedOver }
  } catch (error) {
    throw openerError(env, start.plan, error)
  } finally {
    // None is at work on the folder any more, also when this one failed.
    await ports.help?.stop()
  }
}

/** A state that another thread has recovered. */
function arrived(start: ThreadStart, kinds: Kinds, moved: MovedState): ShardState {
  const state = emptyState(start, kinds, moved.shard)
  putTogether(moved, state)
  return state
}

/**
 * A damaged snapshot loses its name: it must not count as one of the two that are kept, or the journal
 * would be cut behind it. What was in it is in the state again, and in the next snapshot.
 */
async function setAside(
  env: Env,
  { shard, path, why }: PassedOver,
  ports: ShardThreadPorts,
): Promise<void> {
  const aside = `${path}.damaged`
  await env.disk.rename(path, aside)
  await env.disk.syncFolder(dirname(path))
  ports.report('snapshot_damaged', { shard, why, file: aside })
}

function makeHost(env: Env, start: ThreadStart, kinds: Kinds, ports: ShardThreadPorts): ShardHost {
  const bounds = {
    mailboxMessagesMax: start.mailboxMessagesMax,
    keysMax: start.keysMax,
    openFrameBytes: limits.openFrameBytesOnFile,
  }
  const peers = new PeerWriter()
  return new ShardHost(
    env,
    { thread: start.thread, kinds, settings: start.settings, bounds, nearCalls: start.nearCalls },
    {
      answers: (_origin, bytes) => {
        ports.client.send(bytes)
      },
      placeOf: (shard) =>
        shard % start.threads === start.thread ? undefined : shard % start.threads,
      peers: (thread, batch) => {
        ports.peers[thread]?.send(peers.pack(batch))
      },
      report: (event, detail) => {
        ports.report(event, detail)
      },
      fail: (error) => {
        ports.fail(error)
      },
    },
  )
}

function attachLane(
  env: Env,
  start: ThreadStart,
  host: ShardHost,
  journal: FileLane,
  states: readonly ShardState[],
  ports: ShardThreadPorts,
): Omit<Written, 'lane'> {
  const lane = host.addLane(journal, states)
  const snapshotter = new Snapshotter(lane, {
    env,
    store: new FileSnapshots(env.disk, join(start.dataDir, 'snapshots'), start.plan.identity),
    epoch: start.plan.epoch,
    journalBytes: () => start.snapshotJournalBytes,
    report: (event, detail) => {
      ports.report(event, detail)
    },
    fail: (error) => {
      ports.fail(error)
    },
  })
  host.onTick = () => {
    snapshotter.tick()
  }
  return { snapshotter, hold: new LaneHold(env, lane, journal) }
}
