/**
 * `suanpan dev`: a whole cluster on a laptop in one command: three NATS servers, and nodes behind one
 * HTTP port. What it keeps stays in its folder, for the next start.
 */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { nodeEnv } from '../../../runtime/index.js'
import { keepRunning } from '../dev-servers.js'
import { ownFolder } from '../folder-owner.js'
import { listenForInterrupt } from '../interrupt.js'
import { examples, whole } from '../options.js'
import { Output } from '../output.js'
import { packageFile } from '../package-file.js'
import { Supervisor } from '../../supervisor/supervisor.js'

interface DevOptions {
  readonly nodes: number
  readonly data: string
  readonly port: number
}

const nodesMax = 16
const portMax = 65_535

export function addDev(program: Command): void {
  program
    .command('dev')
    .summary('a whole cluster on this machine')
    .description(
      'Starts three NATS servers and several nodes behind one HTTP port, until Ctrl-C.\n' +
        'It needs the program nats-server, 2.10.23 or newer; where it is missing it is fetched from\n' +
        "Debian's archive, on machines with apt-get, into .cache of the package and nowhere else.\n" +
        'For laptops: one disk holds all copies.',
    )
    .option('--nodes <n>', 'nodes to start', whole(1, nodesMax), 3)
    .option('--data <dir>', 'folder of the NATS servers', './data/dev')
    .option('--port <n>', 'port of the HTTP API; 0 takes a free one', whole(0, portMax), 7_400)
    .addHelpText('after', examples('suanpan dev', 'suanpan dev --nodes 5 --data /tmp/cluster'))
    .action(runDev)
}

async function runDev({ nodes, data, port }: DevOptions): Promise<void> {
  const output = new Output(false)
  const interrupt = listenForInterrupt(output)
  const { NatsServers } = await import('../../../transport/nats/index.js')
  const folder = resolve(data)
  // Not Node's own way: where a folder can't be made below another, it tries for ever.
  await nodeEnv().disk.makeFolder(folder)
  const giveBack = ownFolder(folder)
  output.say('Starting three NATS servers …')
  const servers = await NatsServers.start({ servers: 3, folder })
  const letGo = keepRunning(servers, (sentence) => {
    output.note(sentence)
  })
  try {
    const urls = servers.addresses.join(',')
    output.say(`NATS: ${urls}, kept in ${folder}.`)
    const supervisor = new Supervisor({
      processes: nodes,
      exec: packageFile('dist/bin/suanpan.js'),
      args: [
        ...['start', '--nats', urls, '--nats-monitor', servers.monitoring.join(',')],
        ...['--cluster', 'dev', '--port', String(port)],
      ],
      name: 'node',
      onEvent: (event, { node }) => {
        if (event !== 'worker_started') output.note(`${String(node)}: ${event.replace('_', ' ')}`)
      },
    })
    supervisor.start()
    interrupt.onRequest(() => {
      supervisor.stop()
    })
    output.say(
      [
        `Starting ${nodes} nodes. Steer them from another terminal:`,
        `  export SUANPAN_NATS=${urls} SUANPAN_CLUSTER=dev`,
        '  suanpan top',
      ].join('\n'),
    )
    process.exitCode = await supervisor.ended
  } finally {
    letGo()
    await servers.stop()
    giveBack()
    interrupt.dispose()
  }
  output.say('All has ended; the next start finds what was kept.')
}
