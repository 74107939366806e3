/**
 * `suanpan upgrade`: which formats the nodes of a cluster read, and the step that ends a rolling upgrade.
 * Until then all write what the oldest of them reads, and every node can still go back.
 */
import type { Command } from 'commander'
import type { ClusterStatus } from '../../membership/control.js'
import { withCluster, type ClusterSession } from '../cluster-session.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, jsonOption } from '../options.js'
import { Output, pairsTable, rowsTable } from '../output.js'
import { CommandFailed } from '../problem.js'

interface Words extends NatsWords {
  readonly json?: boolean
}

export function addUpgrade(program: Command): void {
  const upgrade = program
    .command('upgrade')
    .summary('the format a cluster writes, during a rolling upgrade')
    .description(
      'Nodes of two releases work side by side: all write what the older ones read. When every node ' +
        'runs the new release, finalise: from then on older ones can’t join any more.',
    )
    .addHelpText('after', examples('suanpan upgrade status', 'suanpan upgrade finalize'))
  define(upgrade, 'status', 'what the cluster writes, and what its nodes read', async (session) => {
    return upgradeOf(await session.status())
  })
  define(upgrade, 'finalize', 'write the newest format that all nodes read', async (session) => {
    const { format, newest, holding } = upgradeOf(await session.status())
    if (newest <= format) {
      throw new CommandFailed(
        'format_not_newer',
        holding.length === 0
          ? `All nodes read format ${format} at most, and the cluster writes it already.`
          : `${holding.join(', ')} must be upgraded first: the other nodes read a newer format than ${format}.`,
      )
    }
    await session.ask({ type: 'finalise', format: newest })
    return upgradeOf(await session.status())
  })
}

/** How far an upgrade is. */
interface UpgradeStatus {
  /** What the cluster writes. */
  readonly format: number
  /** The newest format that every node reads. */
  readonly newest: number
  /** Nodes that read less than others. */
  readonly holding: readonly string[]
  readonly nodes: readonly { readonly name: string; readonly reads: readonly [number, number] }[]
}

function upgradeOf({ format, nodes }: ClusterStatus): UpgradeStatus {
  const alive = nodes.filter(({ state }) => state !== 'dead')
  const tops = alive.map(({ reads }) => reads[1])
  const newest = Math.min(...tops)
  return {
    format,
    newest,
    holding: alive
      .filter(({ reads }) => reads[1] < Math.max(...tops))
      .map(({ name }) => name)
      .sort(),
    nodes: alive.map(({ name, reads }) => ({ name, reads })),
  }
}

function define(
  upgrade: Command,
  name: string,
  summary: string,
  action: (session: ClusterSession) => Promise<UpgradeStatus>,
): void {
  const command = upgrade
    .command(name)
    .summary(summary)
    .description(`Asks the cluster over NATS: ${summary}.`)
    .addOption(jsonOption())
    .action(async (words: Words) => {
      const output = new Output(words.json === true)
      await withCluster(words, async (session) => {
        const status = await action(session)
        output.result(status, () => inWords(status))
      })
    })
  withNats(command, true)
}

function inWords({ format, newest, nodes }: UpgradeStatus): string {
  const next =
    newest > format
      ? `${newest}: run "suanpan upgrade finalize" when no node has to go back`
      : 'nothing to finalise'
  const rows = nodes.map(({ name, reads: [from, to] }) => [name, `${from} to ${to}`])
  const facts = pairsTable([
    ['writes format', String(format)],
    ['can go on to', next],
  ])
  return `${facts}\n${rowsTable(['node', 'reads formats'], rows)}`
}
