/** `suanpan quarantine …`: actors a running node set aside because they failed again and again. */
import type { Command } from 'commander'
import { NodeClient } from '../http/node-client.js'
import { examples, withNode, type NodeOptions } from '../options.js'
import { Output, rowsTable } from '../output.js'

interface QuarantinedJson {
  readonly address: string
  readonly shard: number
  readonly since: string
  readonly reason: string
  readonly parkedMessages: number
}

export function addQuarantine(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .summary('list and release actors that were set aside')
    .description(
      'Actors a running node set aside because they failed again and again. Messages for them wait; ' +
        'no money in them is lost.',
    )
    .addHelpText(
      'after',
      examples('suanpan quarantine list', 'suanpan quarantine release account/alice'),
    )
  withNode(quarantine.command('list').description('The actors in quarantine.'))
    .addHelpText('after', examples('suanpan quarantine list --json'))
    .action(async (options: NodeOptions) => {
      const { body } = await new NodeClient(options).ask<{
        readonly actors: readonly QuarantinedJson[]
      }>({ method: 'GET', path: '/v1/quarantine' })
      new Output(options.json === true).result(body, () => listWords(body.actors))
    })
  withNode(
    quarantine
      .command('release')
      .description('Lets an actor work again; what waits for it is handled first.')
      .argument('<address>', 'full address such as account/alice'),
  )
    .addHelpText('after', examples('suanpan quarantine release account/alice'))
    .action(async (address: string, options: NodeOptions) => {
      const { body } = await new NodeClient(options).ask<{ readonly address: string }>({
        method: 'POST',
        path: '/v1/quarantine/release',
        body: { address },
      })
      new Output(options.json === true).result(body, () => `${body.address} works again.`)
    })
}

function listWords(actors: readonly QuarantinedJson[]): string {
  if (actors.length === 0) return 'No actor is in quarantine.'
  return rowsTable(
    ['address', 'shard', 'since', 'waiting', 'reason'],
    actors.map(({ address, shard, since, parkedMessages, reason }) => [
      address,
      String(shard),
      since,
      String(parkedMessages),
      reason,
    ]),
  )
}
