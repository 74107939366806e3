/**
 * A stream as an append-only log: made with the settings a journal needs, checked when it is there.
 *
 * C6. A stream that would forget by itself – by age, size or number – is refused: a journal is cut
 *     behind snapshots only.
 * C7. A read asks the leader for many messages at once and gives them in order: an election costs a
 *     retry, not a missed heartbeat. Long reads come in bulk as far as that goes (C12).
 */
import type { StreamConfig, StreamInfo } from '@nats-io/jetstream'
import { readInBulk } from './bulk-read.js'
import type { JetStreamApi } from './jetstream-api.js'
import {
  MessageMissing,
  NatsRefused,
  NatsUnreachable,
  type NextPiece,
  type StreamLog,
  type StreamSettings,
} from './port.js'
import { Slices } from './slices.js'

/** Questions that are open at once during a read. */
const readWindow = 32
/** A read of this many messages is worth a consumer of its own. */
const bulkFrom = 8

/** @throws NatsUnreachable, NatsRefused */
export async function openStream(
  api: JetStreamApi,
  name: string,
  settings: StreamSettings,
): Promise<StreamLog> {
  const info = await openedStream(api, {
    name,
    subjects: [subjectOf(name)],
    num_replicas: settings.replicas,
    max_msgs_per_subject: -1,
    allow_rollup_hdrs: false,
  })
  return new JetStreamLog(api, name, info.config.num_replicas)
}

/** `SHARD_pay_3` takes `SHARD.pay.3`: permissions speak of whole tokens, such as `SHARD.pay.*`. */
function subjectOf(name: string): string {
  return name.replaceAll('_', '.')
}

/** Names of the streams that {@link openStream} made with a prefix. @throws NatsUnreachable, NatsRefused */
export async function streamNames(api: JetStreamApi, prefix: string): Promise<readonly string[]> {
  const names = await api.streamNames(`${subjectOf(prefix)}*`)
  // Streams of others may take such subjects too.
  return names.filter((name) => name.startsWith(prefix))
}

/** Makes a stream or checks the one that is there. @throws NatsUnreachable, NatsRefused */
export async function openedStream(
  api: JetStreamApi,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamInfo> {
  const wanted = {
    ...config,
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: -1,
    deny_delete: true,
    deny_purge: false,
    allow_direct: false,
  } as Partial<StreamConfig> & { name: string }
  let info = await api.streamInfo(config.name)
  if (info === undefined && config.num_replicas === 0) {
    throw new NatsRefused(
      'nats_missing',
      `NATS has no ${config.name}: no cluster of this name is kept on these servers.`,
    )
  }
  // Two that start at once may both find none.
  info ??= await api.makeStream(wanted)
  info ??= await api.streamInfo(config.name)
  if (info === undefined) throw new NatsUnreachable(`NATS: ${config.name} is being changed.`)
  check(info.config, wanted)
  return info
}

function check(has: StreamConfig, wanted: Partial<StreamConfig>): void {
  const must = [
    'subjects',
    'retention',
    'storage',
    'discard',
    'max_msgs',
    'max_bytes',
    'max_age',
    'max_msgs_per_subject',
    'max_msg_size',
  ] as const
  for (const setting of must) {
    const [is, should] = [JSON.stringify(has[setting]), JSON.stringify(wanted[setting])]
    if (is === should) continue
    throw new NatsRefused(
      'nats_settings',
      `The stream ${has.name} has ${setting} ${is}, which must be ${should}; change it, or move the stream away.`,
    )
  }
}

class JetStreamLog implements StreamLog {
  readonly name: string
  readonly replicas: number
  private readonly api: JetStreamApi

  constructor(api: JetStreamApi, name: string, replicas: number) {
    this.api = api
    this.name = name
    this.replicas = replicas
  }

  append(bytes: Uint8Array, after: number): ReturnType<StreamLog['append']> {
    return this.api.append(this.name, subjectOf(this.name), bytes, {
      'Nats-Expected-Last-Sequence': String(after),
    })
  }

  async at(sequence: number): Promise<Uint8Array | undefined> {
    return (await this.api.message(this.name, { seq: sequence }))?.bytes
  }

  async bounds(): Promise<{ readonly first: number; readonly last: number }> {
    const info = await this.api.streamInfo(this.name)
    if (info === undefined) {
      throw new NatsRefused(
        'nats_settings',
        `The stream ${this.name} is gone; restore it from its backup.`,
      )
    }
    const { first_seq, last_seq, messages } = info.state
    return { first: messages === 0 ? last_seq + 1 : first_seq, last: last_seq }
  }

  async read(
    from: number,
    to: number,
    onMessage: (sequence: number, bytes: Uint8Array) => void,
    nextPiece: NextPiece = () => Promise.resolve(),
  ): Promise<void> {
    const asked: Promise<Uint8Array | undefined>[] = []
    const { api, name: stream } = this
    const first =
      to - from < bulkFrom
        ? from
        : await readInBulk(api, { stream, from, to, onMessage, nextPiece })
    const slices = new Slices()
    let next = first
    for (let given = first; given <= to; given++) {
      if ((given - first) % readWindow === 0) await nextPiece()
      for (; next <= to && asked.length < readWindow; next++) {
        const answer = this.at(next)
        // It is awaited in its turn; until then its failure is no news.
        answer.catch(() => undefined)
        asked.push(answer)
      }
      const bytes = await asked.shift()
      if (bytes === undefined) throw new MessageMissing(this.name, given)
      onMessage(given, bytes)
      await slices.next()
    }
  }

  purge(upTo: number): Promise<void> {
    return this.api.purge(this.name, upTo)
  }
}
