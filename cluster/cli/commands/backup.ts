/**
 * `suanpan backup`: a copy of a data folder, made by whoever may read it at rest: the node that serves it, or, where
 * nobody does, this command. Then the copy is verified as `suanpan verify` does.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import {
  backupDataFolder,
  Fault,
  OpenRefused,
  type BackupProgress,
  type BackupReport,
} from '../../../runtime/index.js'
import { NodeClient } from '../http/node-client.js'
import { apiKeyOption, examples, jsonOption, urlOption, type NodeOptions } from '../options.js'
import { bytes, count, Output, pairsTable } from '../output.js'
import { CommandFailed } from '../problem.js'
import { Progress } from '../progress.js'
import { verifyFolder } from './verify.js'

interface BackupOptions extends Omit<NodeOptions, 'url'> {
  readonly data?: string
  readonly url?: string
  readonly nats?: string
}

type BackupState =
  ({ readonly state: 'running' } & BackupProgress) | ({ readonly state: 'done' } & BackupReport)

const dataDefault = './data'

export function addBackup(program: Command): void {
  program
    .command('backup')
    .summary('copy a data folder, while it is served or not, and verify the copy')
    .description(
      'Makes a backup of a data folder: all that is durable at one moment, in a new folder. With --url the ' +
        'node that serves it makes it, on its own machine, and payments go on; without, the folder must ' +
        'not be in use. A node with API keys makes it only in the folder it was started with for backups ' +
        '(start --backups). Then the backup is read and checked as "suanpan verify" does.\n' +
        'Started from, a backup knows nothing of what came after it: payments acknowledged since are ' +
        'missing, and requests of then, sent again with their keys, are executed again. Never run it ' +
        'beside its original.\n' +
        'A cluster (--nats) is backed up by the means of NATS.',
    )
    .argument('<target>', 'folder the backup makes; it must not exist yet')
    .addOption(new Option('--data <dir>', `data folder that nobody serves [${dataDefault}]`))
    .addOption(urlOption('node that serves the data folder').conflicts('data'))
    .addOption(apiKeyOption())
    // It is asked for, so it is answered.
    .addOption(new Option('--nats <urls>', 'servers of a cluster').hideHelp())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'suanpan backup /backups/monday --url http://127.0.0.1:7400',
        'suanpan backup /backups/monday --data /var/lib/suanpan',
      ),
    )
    .action(async (target: string, options: BackupOptions) => {
      await runBackup(resolve(target), options, new Output(options.json === true))
    })
}

async function runBackup(target: string, options: BackupOptions, output: Output): Promise<void> {
  const { url, data = dataDefault, nats } = options
  if (nats !== undefined) throw new Fault('backup_unsupported')
  const report =
    url === undefined
      ? await ofFolder(data, target, output)
      : await ofNode({ ...options, url }, target, output)
  const verified = await verify(report, output)
  const from = url ?? data
  output.result({ command: 'backup', from, ...report, verified }, () => words(report, verified))
}

/** @throws CommandFailed backup_…, data_dir_in_use */
async function ofFolder(data: string, target: string, output: Output): Promise<BackupReport> {
  const progress = new Progress(output, `Copying ${data}`, 'bytes', 0)
  try {
    return await backupDataFolder({
      dataDir: data,
      target,
      onProgress: (done) => progress.update(done.bytes),
    })
  } catch (error) {
    if (!(error instanceof OpenRefused)) throw error
    if (error.code === 'data_dir_in_use') throw inUse(error)
    // A folder that is not there is no wrong usage of options.
    if (error.code === 'invalid_options') throw new CommandFailed('file_unreadable', error.message)
    throw error
  } finally {
    progress.end()
  }
}

function inUse({ message }: OpenRefused): CommandFailed {
  const how =
    'Let the node that serves it make the backup: give its --url, such as http://127.0.0.1:7400'
  return new CommandFailed('data_dir_in_use', `${message} ${how}.`)
}

/** Asks until it is done. @throws CommandFailed backup_…, node_unreachable */
async function ofNode(options: NodeOptions, target: string, output: Output): Promise<BackupReport> {
  const node = new NodeClient(options)
  const progress = new Progress(output, `Copying at ${options.url}`, 'bytes', 0)
  try {
    for (;;) {
      const { body } = await node.ask<BackupState>({
        ...{ method: 'POST', path: '/v1/backup', body: { target } },
      })
      if (body.state === 'done') {
        const { state: _, ...report } = body
        return report
      }
      progress.update(body.bytes)
    }
  } finally {
    progress.end()
  }
}

/**
 * Reads the backup, if it is on this machine.
 * @returns whether it was @throws CommandFailed when it is not whole, or another one
 */
async function verify({ target, ordinals }: BackupReport, output: Output): Promise<boolean> {
  if (!existsSync(target)) return false
  const found = await verifyFolder(target, output)
  if (found.findings[0] !== undefined) throw new CommandFailed('not_conserved', found.findings[0])
  if (found.ordinals === ordinals) return true
  throw new CommandFailed(
    'backup_differs',
    `${target} holds ${count(found.ordinals)} ordinals, and ${count(ordinals)} were backed up: it is another folder, or the backup is not whole. Don't rely on it; make another.`,
  )
}

function words(report: BackupReport, verified: boolean): string {
  const { target, ordinals, files, seconds, pauseMs, epoch } = report
  const check = verified
    ? 'whole, every frame checked, money conserved'
    : `NOT verified: it is on the machine of the node; run there: suanpan verify --data ${target}`
  return `Backup ${target}:\n${pairsTable([
    ['verified', check],
    ['ordinals', `${count(ordinals)}, of epoch ${epoch}`],
    ['copied', `${bytes(report.bytes)} in ${count(files)} files, ${seconds.toFixed(2)} s`],
    ['journal stood still', `${pauseMs.toFixed(1)} ms`],
  ])}`
}
