/** `suanpan top`: a live view of a cluster: nodes, shards, hot actors, rates, latencies, money on its way. */
import type { Command } from 'commander'
import { withCluster } from '../cluster-session.js'
import { listenForInterrupt } from '../interrupt.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, jsonOption, whole } from '../options.js'
import { Output } from '../output.js'
import { showLive, showOnce } from '../top-loop.js'

interface Words extends NatsWords {
  readonly interval: number
  readonly once?: boolean
  readonly json?: boolean
}

const intervalSecondsMax = 3_600

export function addTop(program: Command): void {
  withNats(
    program
      .command('top')
      .summary('a live view of a cluster')
      .description(
        'Shows nodes, shards and hot actors with their rates, latencies and the money on its way.\n' +
          'Keys: 1 nodes, 2 shards, 3 hot actors, q ends. Without a terminal it prints tables.',
      )
      .option('--interval <s>', 'seconds between two looks', whole(1, intervalSecondsMax), 2)
      .option('--once', 'look twice, a moment apart, print and end')
      .addOption(jsonOption())
      .addHelpText('after', examples('suanpan top', 'suanpan top --once --json'))
      .action(async (words: Words) => {
        const output = new Output(words.json === true)
        await withCluster(words, async (session) => {
          if (words.once === true) {
            await showOnce(session, output)
            return
          }
          const interrupt = listenForInterrupt(output)
          try {
            const { stdin } = process
            await showLive(session, {
              intervalMs: words.interval * 1_000,
              output,
              interrupt,
              stdin,
            })
          } finally {
            interrupt.dispose()
          }
        })
      }),
    true,
  )
}
