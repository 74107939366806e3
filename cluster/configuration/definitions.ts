/**
 * The settings of a cluster that take effect while it runs: one table with type, default, bounds and a
 * sentence for each. What can't be changed at run time is no setting but an option of `start`.
 */

interface WholeDefinition {
  readonly type: 'whole'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly sentence: string
}

interface FlagDefinition {
  readonly type: 'flag'
  readonly default: boolean
  readonly sentence: string
}

interface ChoiceDefinition {
  readonly type: 'choice'
  readonly default: string
  readonly choices: readonly string[]
  readonly sentence: string
}

export type SettingDefinition = WholeDefinition | FlagDefinition | ChoiceDefinition

/** Every setting, by name. */
export const settingDefinitions = {
  'requests.mailbox_max': {
    type: 'whole',
    default: 16_384,
    min: 1,
    max: 262_144,
    sentence: 'Waiting requests a shard accepts before it answers `overloaded`.',
  },
  'snapshot.journal_bytes': {
    type: 'whole',
    default: 32 * 1024 * 1024,
    min: 4_096,
    max: 64 * 1024 * 1024 * 1024,
    sentence:
      'Journal bytes of a node after which its shards are snapshotted, each after its share.',
  },
  'rebalance.enabled': {
    type: 'flag',
    default: true,
    sentence: 'Whether shards move by themselves; those of dead and draining nodes always do.',
  },
  'rebalance.moves_max': {
    type: 'whole',
    default: 4,
    min: 1,
    max: 64,
    sentence: 'Moves of shards under way at once in the whole cluster.',
  },
  'rebalance.moves_per_node_max': {
    type: 'whole',
    default: 2,
    min: 1,
    max: 64,
    sentence: 'Moves of shards under way at once from, or to, one node.',
  },
  'rebalance.move_timeout_ms': {
    type: 'whole',
    default: 30_000,
    min: 1_000,
    max: 3_600_000,
    sentence: 'ms until a move that does not come on is called off.',
  },
  'log.level': {
    type: 'choice',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    sentence: 'The least important messages that nodes print.',
  },
} as const satisfies Record<string, SettingDefinition>

export type SettingName = keyof typeof settingDefinitions

type ValueOf<D> = D extends { type: 'whole' }
  ? number
  : D extends { type: 'flag' }
    ? boolean
    : D extends { choices: readonly (infer C)[] }
      ? C
      : never

/** Type of a setting's value. */
export type SettingValue<N extends SettingName = SettingName> = ValueOf<
  (typeof settingDefinitions)[N]
>

export const settingNames = Object.keys(settingDefinitions).sort() as SettingName[]

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingDefinitions, name)
}

/** Why a setting was refused. */
export interface SettingRefusal {
  readonly code: 'unknown_setting' | 'invalid_setting' | 'outcome_unknown'
  readonly sentence: string
}

export function unknownSetting(name: string): SettingRefusal {
  const near = settingNames.filter((known) => known.split('.')[0] === name.split('.')[0])
  const hint = (near.length > 0 ? near : settingNames).join(', ')
  return {
    code: 'unknown_setting',
    sentence: `There is no setting "${name.slice(0, 64)}". There is: ${hint}.`,
  }
}

/** What is wrong with a value; undefined when nothing is. */
export function refusalOf(name: SettingName, value: unknown): SettingRefusal | undefined {
  const definition: SettingDefinition = settingDefinitions[name]
  const must = mustBe(definition, value)
  if (must === undefined) return undefined
  return { code: 'invalid_setting', sentence: `${name} must be ${must}.` }
}

function mustBe(definition: SettingDefinition, value: unknown): string | undefined {
  switch (definition.type) {
    case 'whole': {
      const { min, max } = definition
      const fits =
        Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      return fits ? undefined : `a whole number from ${min} to ${max}`
    }
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'true or false'
    case 'choice':
      return definition.choices.some((choice) => choice === value)
        ? undefined
        : `one of ${definition.choices.join(', ')}`
  }
}

/** A value as a person types it, as far as it can be one of this setting; else the text itself. */
export function readSetting(name: SettingName, text: string): unknown {
  switch (settingDefinitions[name].type) {
    case 'whole':
      return /^\d{1,16}$/.test(text) ? Number(text) : text
    case 'flag':
      return text === 'true' || (text === 'false' ? false : text)
    case 'choice':
      return text
  }
}
