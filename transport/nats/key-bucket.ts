/**
 * A bucket of keys: a stream with a subject per key, laid out as the key-value tools of NATS expect.
 *
 * C8. Values are asked of the leader by subject; only {@link KeyBucket.put} decides all the same.
 * C9. A removal leaves a marker; a key whose newest message is a marker does not exist.
 * C16. No message takes others away: whoever may set one key could else remove all of them with it.
 */
import { openedStream } from './stream-log.js'
import type { JetStreamApi, StoredMessage } from './jetstream-api.js'
import { KeyWatch } from './key-watch.js'
import {
  NatsRefused,
  type Appended,
  type KeyBucket,
  type KeyChange,
  type KeyEntry,
  type StreamSettings,
} from './port.js'

/** Values kept of each key, as many as the tools of NATS allow. */
const historyLength = 64

/** @throws NatsUnreachable, NatsRefused */
export async function openBucket(
  api: JetStreamApi,
  name: string,
  settings: StreamSettings,
): Promise<KeyBucket> {
  const stream = `KV_${name}`
  const info = await openedStream(api, {
    name: stream,
    subjects: [`$KV.${name}.>`],
    num_replicas: settings.replicas,
    max_msgs_per_subject: historyLength,
    allow_rollup_hdrs: false,
  })
  if (info.config.allow_rollup_hdrs) {
    // Only whoever runs NATS may change a stream (S1 in permissions.ts).
    api.connection.problem(
      `The stream ${stream} lets whoever may set a key remove all others with it (Nats-Rollup), which nothing here needs; turn that off, as a user who may change streams: nats stream edit ${stream} --no-allow-rollup.`,
    )
  }
  return new JetStreamBucket(api, stream, `$KV.${name}.`, info.config.num_replicas)
}

class JetStreamBucket implements KeyBucket {
  readonly replicas: number
  private readonly api: JetStreamApi
  private readonly stream: string
  private readonly prefix: string

  constructor(api: JetStreamApi, stream: string, prefix: string, replicas: number) {
    this.api = api
    this.stream = stream
    this.prefix = prefix
    this.replicas = replicas
  }

  async get(key: string): Promise<KeyEntry | undefined> {
    const newest = await this.newest(key)
    return newest === undefined || isMarker(newest.headers) ? undefined : entryOf(key, newest)
  }

  async put(key: string, value: Uint8Array, revision: number): Promise<Appended> {
    const first = await this.change(key, value, revision, {})
    if (revision !== 0 || first.outcome !== 'conflict') return first
    // The key may have been there once: then its marker is what has to be replaced.
    const newest = await this.newest(key).catch(() => undefined)
    if (newest === undefined || !isMarker(newest.headers)) return first
    return this.change(key, value, newest.sequence, {})
  }

  remove(key: string, revision: number): Promise<Appended> {
    return this.change(key, new Uint8Array(0), revision, { 'KV-Operation': 'DEL' })
  }

  async history(key: string): Promise<readonly KeyEntry[]> {
    const subject = this.subject(key)
    const entries: KeyEntry[] = []
    for (let sequence = 1; ;) {
      const which = { seq: sequence, next_by_subj: subject }
      const message = await this.api.message(this.stream, which)
      if (message === undefined) return entries
      if (!isMarker(message.headers)) entries.push(entryOf(key, message))
      sequence = message.sequence + 1
    }
  }

  watch(prefix: string, onChange: (change: KeyChange) => void): () => void {
    // Whole tokens only can be asked for; the rest is passed over here.
    const tokens = prefix.slice(0, prefix.lastIndexOf('.') + 1)
    const watch = new KeyWatch(this.api, {
      stream: this.stream,
      filter: `${this.prefix}${tokens}>`,
      onMessage: (subject, bytes, revision, headers) => {
        const key = subject.slice(this.prefix.length)
        if (!key.startsWith(prefix)) return
        onChange({ key, value: isMarker(headers) ? undefined : bytes, revision })
      },
    })
    return () => watch.stop()
  }

  private newest(key: string): Promise<StoredMessage | undefined> {
    return this.api.message(this.stream, { last_by_subj: this.subject(key) })
  }

  private change(
    key: string,
    value: Uint8Array,
    revision: number,
    headers: Readonly<Record<string, string>>,
  ): Promise<Appended> {
    return this.api.append(this.stream, this.subject(key), value, {
      ...headers,
      'Nats-Expected-Last-Subject-Sequence': String(revision),
    })
  }

  private subject(key: string): string {
    if (!/^[^\s.*>]+(\.[^\s.*>]+)*$/.test(key)) {
      throw new NatsRefused('nats_options', `"${key}" is no name for a key in NATS.`)
    }
    return this.prefix + key
  }
}

function isMarker(headers: string): boolean {
  return /^KV-Operation: *(DEL|PURGE)\r?$/m.test(headers)
}

function entryOf(key: string, message: StoredMessage): KeyEntry {
  const { bytes, sequence, created } = message
  return { key, value: bytes, revision: sequence, created }
}
