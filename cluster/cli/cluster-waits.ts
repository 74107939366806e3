/**
 * What commands wait for after they have asked the coordinator: a shard that is where it was sent, a
 * node that is empty, nodes that are even. They look at its status again and again.
 *
 * L1. A move is done when the node that was asked for owns the shard. When nothing is on its way there
 *     any more, it was called off, and that is a failure.
 * L2. Nodes are even when the coordinator says that it has nothing more to do about it: between two
 *     moves of many, nothing is on its way either. A new coordinator knows nothing of the request, and
 *     is asked anew.
 * L3. A coordinator that is away, dead or about to be another holds a wait up and does not end it; its
 *     time does.
 * L4. A node that is drained and takes shards again was asked to by somebody else, or is in its next life: nobody
 *     waits for that to end, and it is not empty for having none yet.
 */
import type { ClusterStatus, NodeStatus } from '../membership/control.js'
import { meantAmong } from '../membership/member-view.js'
import { CommandFailed, problemOf } from './problem.js'

/** What answers for the cluster. */
export interface Watched {
  status(): Promise<ClusterStatus>
}

/** The time a wait goes by. */
export interface Pace {
  /** Monotonic ms. */
  now(): number
  pause(ms: number): Promise<void>
}

const lookMs = 100
const waitMs = 120_000
/** ms without any change after which a coordinator that does not say so counts as done. */
const stillMs = 2_000

const realPace: Pace = {
  now: () => performance.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

/** The live node somebody means by an id or a name; undefined when it is none, or several. */
export function nodeMeant({ nodes }: ClusterStatus, idOrName: string): NodeStatus | undefined {
  const alive = nodes.filter(({ state }) => state !== 'dead')
  return meantAmong(alive, idOrName)
}

/** The name of a node, and what is known when it has gone. */
export function nameOf({ nodes }: ClusterStatus, id: string | null | undefined): string {
  if (id == null) return 'nobody'
  return nodes.find((node) => node.id === id)?.name ?? id
}

/** Live shards of a node, by id or name. */
export function shardsOf({ nodes }: ClusterStatus, node: string): number {
  return nodes
    .filter(({ id, name, state }) => (id === node || name === node) && state !== 'dead')
    .reduce((sum, { shards }) => sum + shards, 0)
}

/** A move somebody asked for. */
export interface AskedMove {
  readonly shard: number
  /** Id of the node it is to go to. */
  readonly to: string
  /** Version of the map that has it under way: what an older one says is of before. */
  readonly mapVersion: number
}

/** Waits until a shard is where it was sent (L1). @throws CommandFailed move_called_off, not_ready */
export function untilMoved(watched: Watched, move: AskedMove, pace?: Pace): Promise<ClusterStatus> {
  const { shard, to, mapVersion } = move
  return until(watched, 'The move', pace, (status) => {
    if (status.mapVersion < mapVersion) return false
    const place = status.shards.find((one) => one.shard === shard)
    if (place?.owner === to) return true
    if (place?.next === to) return false
    throw new CommandFailed(
      'move_called_off',
      `The move was called off: ${nameOf(status, to)} died, or did not take the shard in time; shard ${shard} is served by ${nameOf(status, place?.owner)}.`,
      { shard, owner: place?.owner ?? null },
    )
  })
}

/**
 * Waits until a node has no shards (L4).
 * @param mapVersion of the map that has it draining
 * @throws CommandFailed drain_called_off, not_ready
 */
export function untilEmpty(
  watched: Watched,
  node: string,
  mapVersion: number,
  pace?: Pace,
): Promise<ClusterStatus> {
  return until(watched, 'Draining', pace, (status) => {
    const shards = shardsOf(status, node)
    if (status.mapVersion < mapVersion) return false
    const meant = nodeMeant(status, node)
    // Nobody is meant when it has died.
    if (meant === undefined || meant.state === 'draining') return shards === 0
    throw new CommandFailed(
      'drain_called_off',
      `The drain was called off, by an undrain or a restart of ${node}; it takes shards again, and has ${shards}.`,
      { shards },
    )
  })
}

/**
 * Waits until the coordinator has nothing more to even out (L2).
 * @param term of the coordinator that was asked
 * @param ask asks another one the same
 * @throws CommandFailed not_ready
 */
export function untilEven(
  watched: Watched,
  term: number,
  ask: () => Promise<unknown>,
  pace: Pace = realPace,
): Promise<ClusterStatus> {
  let asked = term
  let seen = { mapVersion: -1, at: 0 }
  return until(watched, 'Rebalancing', pace, async (status) => {
    if (status.term !== asked) {
      await ask()
      asked = status.term
      return false
    }
    const { evening, mapVersion } = status
    if (mapVersion !== seen.mapVersion) seen = { mapVersion, at: pace.now() }
    if (status.shards.some(({ next }) => next !== null)) return false
    // An older node does not say: it moves the next shard within a moment, if there is one to move.
    return evening === undefined ? pace.now() - seen.at >= stillMs : !evening
  })
}

/** Whether nobody answers for the cluster just now: another will, or the same again (L3). */
export function isAway(error: unknown): boolean {
  return ['no_coordinator', 'nats_unreachable'].includes(problemOf(error).code)
}

/** Looks until a condition holds. @returns the status of which it does */
async function until(
  watched: Watched,
  what: string,
  pace: Pace = realPace,
  condition: (status: ClusterStatus) => boolean | Promise<boolean>,
): Promise<ClusterStatus> {
  const deadline = pace.now() + waitMs
  for (;;) {
    let away: Error | undefined
    try {
      const status = await watched.status()
      if (await condition(status)) return status
    } catch (error) {
      if (!isAway(error)) throw error
      away = error as Error
    }
    if (pace.now() > deadline) {
      throw (
        away ?? new CommandFailed('not_ready', `${what} takes too long; look at "suanpan shards".`)
      )
    }
    await pace.pause(lookMs)
  }
}
