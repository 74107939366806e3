/**
 * `suanpan keys new`: makes an API key, shows it once, and stores what the gateway needs of it.
 *
 * K1. The file of keys holds hashes only; it is written whole under another name and renamed, and
 *     only its owner may read it.
 */
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { ApiKeyRecord, ApiKeyScope } from '../../../transport/gateway/index.js'
import { examples, jsonOption } from '../options.js'
import { Output } from '../output.js'
import { CommandFailed, wrongUsage } from '../problem.js'

interface NewOptions {
  readonly name: string
  readonly scope: readonly ApiKeyScope[]
  readonly payAs?: readonly string[]
  readonly file: string
  readonly json?: boolean
}

export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .summary('make API keys')
    .description('API keys of the HTTP gateway; `suanpan start --api-keys FILE` asks for them.')
    .addHelpText(
      'after',
      examples('suanpan keys new --name checkout --scope pay read --pay-as "*"'),
    )
  keys
    .command('new')
    .description('Makes a key and adds it to a file of keys. The key itself is shown only now.')
    .requiredOption('--name <name>', 'for people')
    .addOption(
      new Option('--scope <scopes...>', 'what it may do')
        .choices(['pay', 'read', 'operator'])
        .makeOptionMandatory(),
    )
    .option('--pay-as <addresses...>', 'with the scope pay: whom it pays as, "*" for all')
    .option('--file <file>', 'file of keys', 'api-keys.json')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'suanpan keys new --name shop --scope pay --pay-as account/alice account/bob',
        'suanpan keys new --name ops --scope operator read --file /etc/suanpan/keys.json',
      ),
    )
    .action(async (options: NewOptions) => {
      await runNew(options, new Output(options.json === true))
    })
}

async function runNew(options: NewOptions, output: Output): Promise<void> {
  // Loaded here, because the other commands don't need it and start quicker without.
  const { readApiKeyFile } = await import('../../../transport/gateway/index.js')
  const { key, record } = await makeKey(options)
  const stored = existsSync(options.file) ? await readApiKeyFile(options.file) : []
  await store(options.file, [...stored, record])
  output.result({ key, ...record, file: options.file }, () =>
    [
      key,
      `  Keep it now: it is not stored. Its hash was added to ${options.file} as "${record.name}".`,
      '  A running node reads the file when it starts again.',
    ].join('\n'),
  )
}

async function makeKey(options: NewOptions): Promise<{ key: string; record: ApiKeyRecord }> {
  const { generateApiKey, GatewayConfigError } = await import('../../../transport/gateway/index.js')
  const { name, scope, payAs } = options
  if (scope.includes('pay') && payAs === undefined)
    throw wrongUsage(
      'A key with --scope pay needs --pay-as: the addresses it pays as, or "*" for all.',
    )
  if (!scope.includes('pay') && payAs !== undefined)
    throw wrongUsage('Only a key with --scope pay has --pay-as.')
  const addresses = payAs?.includes('*') === true ? '*' : payAs
  try {
    return generateApiKey({
      name,
      scopes: scope,
      ...(addresses === undefined ? {} : { payAs: addresses }),
    })
  } catch (error) {
    if (error instanceof GatewayConfigError) throw wrongUsage(error.message)
    throw error
  }
}

async function store(file: string, keys: readonly ApiKeyRecord[]): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, `${JSON.stringify({ keys }, null, 2)}\n`, { mode: 0o600 })
    await rename(temporary, file)
  } catch (error) {
    // Told by the names the user knows, not by ours.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      const folder = dirname(resolve(file))
      throw new CommandFailed(
        'file_unreadable',
        `There is no folder ${folder}; make it, or name another --file.`,
        { file: folder },
      )
    }
    throw Object.assign(error as Error, { path: file })
  }
}
