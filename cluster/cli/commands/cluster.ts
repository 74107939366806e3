/** `suanpan nodes`, `shards`, `move`, `drain`, `undrain`, `rebalance`: a cluster, steered over NATS. */
import type { Command } from 'commander'
import type { ClusterStatus } from '../../membership/control.js'
import { checkCoordinated, withCluster, type ClusterSession } from '../cluster-session.js'
import { nameOf, nodeMeant, shardsOf, untilEmpty, untilEven, untilMoved } from '../cluster-waits.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, jsonOption, shardsMax, whole } from '../options.js'
import { count, counted, milliseconds, Output, rowsTable } from '../output.js'

interface Words extends NatsWords {
  readonly json?: boolean
  readonly wait?: boolean
}

export function addCluster(program: Command): void {
  add(program, 'nodes', 'the nodes of a cluster', async (session, output) => {
    const status = await session.seen()
    output.result(status.nodes, () => nodesTable(status))
    checkCoordinated(status)
  })
  add(program, 'shards', 'the shards of a cluster, and who owns them', async (session, output) => {
    const status = await session.seen()
    output.result(status.shards, () => shardsTable(status))
    checkCoordinated(status)
  })
  addMove(program)
  addDrain(program)
  withNats(
    command(program, 'undrain <node>', 'let a node take shards again').action(
      async (node: string, words: Words) => {
        await run(words, async (session, output) => {
          await session.ask({ type: 'undrain', node })
          output.result({ undrained: node }, () => `${node} takes shards again.`)
        })
      },
    ),
    true,
  )
  add(program, 'rebalance', 'spread the shards evenly, now', async (session, output, words) => {
    const { term } = await session.status()
    const ask = () => session.ask({ type: 'rebalance' })
    await ask()
    const status =
      words.wait === false ? await session.status() : await untilEven(session, term, ask)
    output.result(status.shards, () => nodesTable(status))
  })
}

function addMove(program: Command): void {
  withNats(
    command(program, 'move', 'move a shard to a node, while both serve')
      .argument('<shard>', 'number of the shard', whole(0, shardsMax))
      .argument('<node>', 'name or id of the node')
      .option('--no-wait', 'do not wait until it is there')
      .addHelpText('after', examples('suanpan move 7 node-2'))
      .action(async (shard: number, node: string, words: Words) => {
        await run(words, async (session, output) => {
          // Who is not found, or found twice, is refused by the coordinator.
          const meant = nodeMeant(await session.status(), node)
          const { mapVersion } = await session.ask({ type: 'move', shard, to: meant?.id ?? node })
          const now = await session.status()
          const to = (meant ?? nodeMeant(now, node))?.id ?? node
          const status =
            words.wait === false ? now : await untilMoved(session, { shard, to, mapVersion })
          const place = status.shards.find((one) => one.shard === shard)
          output.result(place, () =>
            place?.next == null
              ? `Shard ${shard} is served by ${nameOf(status, place?.owner)}.`
              : `Shard ${shard} is on its way to ${nameOf(status, place.next)}.`,
          )
        })
      }),
    true,
  )
}

function addDrain(program: Command): void {
  withNats(
    command(program, 'drain', 'move all shards away from a node')
      .argument('<node>', 'name or id of the node')
      .option('--no-wait', 'do not wait until it is empty')
      .addHelpText('after', examples('suanpan drain node-2', 'suanpan undrain node-2'))
      .action(async (node: string, words: Words) => {
        await run(words, async (session, output) => {
          // Whoever asks a second time waits for the same.
          const { mapVersion } = await session.ask({ type: 'drain', node }, 'already_draining')
          const status =
            words.wait === false
              ? await session.status()
              : await untilEmpty(session, node, mapVersion)
          const left = shardsOf(status, node)
          output.result({ node, shards: left }, () =>
            left === 0 ? `${node} is empty.` : `${node} still has ${counted(left, 'shard')}.`,
          )
        })
      }),
    true,
  )
}

/** A command without arguments. */
function add(
  program: Command,
  name: string,
  summary: string,
  action: (session: ClusterSession, output: Output, words: Words) => Promise<void>,
): void {
  const made = command(program, name, summary).action(async (words: Words) => {
    await run(words, (session, output) => action(session, output, words))
  })
  if (name === 'rebalance') made.option('--no-wait', 'do not wait until shards stand still')
  withNats(made, true)
}

function command(program: Command, words: string, summary: string): Command {
  return program
    .command(words)
    .summary(summary)
    .description(`Asks the cluster over NATS: ${summary}.`)
    .addOption(jsonOption())
}

async function run(
  words: Words,
  action: (session: ClusterSession, output: Output) => Promise<void>,
): Promise<void> {
  const output = new Output(words.json === true)
  await withCluster(words, (session) => action(session, output))
}

function nodesTable(status: ClusterStatus): string {
  const rows = status.nodes
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map(({ id, name, state, address, shards, silentMs }) => [
      name,
      id === status.coordinator ? `${state}, coordinator` : state,
      String(shards),
      address === '' ? '–' : address,
      milliseconds(silentMs),
      id,
    ])
  return rowsTable(['node', 'state', 'shards', 'address', 'last heard', 'id'], rows)
}

function shardsTable(status: ClusterStatus): string {
  const rows = status.shards.map(({ shard, owner, next, ready, pinned, ordinal, load }) => [
    String(shard),
    nameOf(status, owner),
    next === null
      ? pinned
        ? 'pinned'
        : ''
      : `→ ${nameOf(status, next)}${ready ? ' (ready)' : ''}`,
    ordinal === null ? '' : count(ordinal),
    load === null ? '' : count(load),
  ])
  return rowsTable(['shard', 'owner', 'moves', 'ordinal', 'turns/s'], rows)
}
