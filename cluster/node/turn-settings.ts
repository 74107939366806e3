/**
 * What turns read as `turn.settings`, such as the zone of daily limits: written once by the first node, and the same
 * for all.
 *
 * C4. A node with others does not join. It would decide the same request in another way: a day's limit would
 *     begin anew with every move of an account between two zones.
 */
import { OpenRefused, type ActorModule } from '../../runtime/index.js'
import { NatsUnreachable, type KeyBucket } from '../../transport/index.js'

export type TurnSettings = Readonly<Record<string, unknown>>

const key = 'turn_settings'
const triesMax = 5

/**
 * Reads the settings of a cluster, or writes them.
 * @param given what this node was started with; absent: whatever the cluster has
 * @throws OpenRefused settings_differ; NatsUnreachable
 */
export async function turnSettings(
  bucket: KeyBucket,
  given: TurnSettings | undefined,
): Promise<TurnSettings> {
  for (let tries = 0; tries < triesMax; tries++) {
    const entry = await bucket.get(key)
    if (entry !== undefined) return checked(Buffer.from(entry.value).toString(), given)
    // Won or lost, what counts is what stands there.
    await bucket.put(key, Buffer.from(textOf(given ?? {})), 0)
  }
  throw new NatsUnreachable('The cluster could not be set up: its bucket takes no key. Try again.')
}

/**
 * What turns can't work with would fail each of them, and set those aside whom they are about.
 * @param before what is said first
 * @throws OpenRefused invalid_options
 */
export function checkSettings(
  actors: Pick<ActorModule, 'checkSettings'>,
  settings: TurnSettings,
  before?: string,
): void {
  const wrong = actors.checkSettings?.(settings)
  if (wrong === undefined) return
  throw new OpenRefused('invalid_options', before === undefined ? wrong : `${before} ${wrong}`)
}

function checked(text: string, given: TurnSettings | undefined): TurnSettings {
  const has = JSON.parse(text) as TurnSettings
  // Whatever its own are called, a node decides with those of the cluster.
  if (given === undefined || meaningOf(given) === meaningOf(has)) return has
  throw new OpenRefused(
    'settings_differ',
    `The cluster was made with the settings ${text}; this node was started with ${textOf(given)}. Start it with the same, or without.`,
  )
}

/** Names of one zone mean the same; UTC is what turns read where there is none. */
function meaningOf(settings: TurnSettings): string {
  const { timeZone = 'UTC', ...others } = settings
  return textOf({ ...others, timeZone: typeof timeZone === 'string' ? zoneOf(timeZone) : timeZone })
}

/** The one name of a zone that may have several, as this program knows them. */
function zoneOf(name: string): string {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    // No zone here: then only the same name is the same.
    return name
  }
}

/** Settings that say the same are the same text. */
function textOf(settings: TurnSettings): string {
  const names = Object.keys(settings).sort()
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, settings[name]])))
}
