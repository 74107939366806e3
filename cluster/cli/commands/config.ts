/** `suanpan config`: the settings of a running cluster, with the history of who changed what. */
import type { Command } from 'commander'
import { nodeEnv } from '../../../runtime/index.js'
import { Configuration } from '../../configuration/configuration.js'
import {
  isSettingName,
  readSetting,
  refusalOf,
  settingDefinitions,
  settingNames,
  unknownSetting,
  type SettingName,
  type SettingValue,
} from '../../configuration/definitions.js'
import { withCluster, type ClusterSession } from '../cluster-session.js'
import { exitCodes } from '../exit-codes.js'
import { listenForInterrupt } from '../interrupt.js'
import { withNats, type NatsWords } from '../nats-options.js'
import { examples, jsonOption } from '../options.js'
import { Output, rowsTable } from '../output.js'
import { CommandFailed } from '../problem.js'

interface Words extends NatsWords {
  readonly json?: boolean
}

export function addConfig(program: Command): void {
  const config = program
    .command('config')
    .summary('settings of a running cluster')
    .description('Settings that all nodes of a cluster follow at once, without a restart.')
    .addHelpText(
      'after',
      examples(
        'suanpan config get',
        'suanpan config set rebalance.enabled false',
        'suanpan config reset rebalance.enabled',
        'suanpan config history rebalance.enabled',
        'suanpan config watch',
      ),
    )
  define(config, 'get [name]', 'the settings, or one', async (session, output, name) => {
    const names = name === undefined ? settingNames : [settingName(name)]
    const bucket = await session.bucket()
    const rows = await Promise.all(
      names.map(async (one) => {
        const newest = (await new Configuration({ env: nodeEnv(), bucket }).history(one)).at(-1)
        const { default: usual, sentence } = settingDefinitions[one]
        return { name: one, value: newest?.value ?? usual, default: usual, sentence }
      }),
    )
    output.result(rows, () =>
      rowsTable(
        ['setting', 'value', 'default', 'what it is'],
        rows.map((row) => [row.name, String(row.value), String(row.default), row.sentence]),
      ),
    )
  })
  define(config, 'set <name> <value>', 'change a setting', async (session, output, name, value) => {
    const setting = settingName(name!)
    await change(session, output, setting, readSetting(setting, value!))
  })
  define(config, 'reset <name>', 'put a setting back to its default', (session, output, name) =>
    change(session, output, settingName(name!), undefined),
  )
  define(
    config,
    'history <name>',
    'who changed a setting, and when',
    async (session, output, name) => {
      const configuration = new Configuration({ env: nodeEnv(), bucket: await session.bucket() })
      const changes = await configuration.history(settingName(name!))
      output.result(changes, () =>
        changes.length === 0
          ? `${name!} was never changed.`
          : rowsTable(
              ['when', 'who', 'value'],
              changes.map(({ at, by, value }) => [new Date(at).toISOString(), by, wordOf(value)]),
            ),
      )
    },
  )
  define(config, 'watch', 'tell every change, until it is ended', watch)
}

/** @param value undefined puts the setting back to its default */
async function change(
  session: ClusterSession,
  output: Output,
  name: SettingName,
  value: unknown,
): Promise<void> {
  const refusal = value === undefined ? undefined : refusalOf(name, value)
  if (refusal !== undefined) {
    throw new CommandFailed(refusal.code, refusal.sentence, {}, exitCodes.usage)
  }
  const given = value as SettingValue | undefined
  // A node writes it: operators may not.
  await session.ask({ type: 'set', name, ...(given === undefined ? {} : { value: given }) })
  const holds = given ?? settingDefinitions[name].default
  output.result({ name, value: holds, by: session.by }, () => `${name} is ${holds} now.`)
}

function wordOf(value: SettingValue | undefined): string {
  return value === undefined ? 'back to its default' : String(value)
}

async function watch(session: ClusterSession, output: Output): Promise<void> {
  const configuration = new Configuration({ env: nodeEnv(), bucket: await session.bucket() })
  configuration.onChange((change) => {
    const { name, value, by, at } = change
    output.result(
      change,
      () => `${new Date(at).toISOString()}  ${name} = ${wordOf(value)}  (${by})`,
    )
  })
  configuration.start()
  const interrupt = listenForInterrupt(output)
  await interrupt.requested
  interrupt.dispose()
  configuration.stop()
}

function define(
  config: Command,
  words: string,
  summary: string,
  action: (
    session: ClusterSession,
    output: Output,
    name: string | undefined,
    value: string | undefined,
  ) => Promise<void>,
): void {
  withNats(
    config
      .command(words)
      .description(summary)
      .addOption(jsonOption())
      .action(async (...given: unknown[]) => {
        // Commander hands over the arguments, then the options, then the command.
        const options = given.at(-2) as Words
        const [name, value] = given.slice(0, -2) as (string | undefined)[]
        const output = new Output(options.json === true)
        await withCluster(options, (session) => action(session, output, name, value))
      }),
    true,
  )
}

/** @throws CommandFailed unknown_setting */
function settingName(name: string): SettingName {
  if (isSettingName(name)) return name
  const { code, sentence } = unknownSetting(name)
  throw new CommandFailed(code, sentence, {}, exitCodes.usage)
}
