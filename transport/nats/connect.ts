/** Connects to NATS: the port over the maintained client library. */
import { openConnection, type Connection } from './connection.js'
import { JetStreamApi } from './jetstream-api.js'
import { openBucket } from './key-bucket.js'
import { NatsBus } from './nats-bus.js'
import { syncAlways } from './monitoring.js'
import type { NatsOptions } from './options.js'
import type { Bus, KeyBucket, Nats, NatsFacts, StreamLog, StreamSettings } from './port.js'
import { openStream, streamNames } from './stream-log.js'

/** @throws NatsUnreachable, NatsRefused */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  return new NatsConnection(await openConnection(options), options)
}

class NatsConnection implements Nats {
  readonly bus: Bus
  private readonly connection: Connection
  private readonly api: JetStreamApi
  private readonly options: NatsOptions

  constructor(connection: Connection, options: NatsOptions) {
    this.connection = connection
    this.options = options
    this.api = new JetStreamApi(connection)
    this.bus = new NatsBus(connection)
  }

  get connected(): boolean {
    return this.connection.connected
  }

  stream(name: string, settings: StreamSettings): Promise<StreamLog> {
    return openStream(this.api, name, settings)
  }

  bucket(name: string, settings: StreamSettings): Promise<KeyBucket> {
    return openBucket(this.api, name, settings)
  }

  streamNames(prefix: string): Promise<readonly string[]> {
    return streamNames(this.api, prefix)
  }

  async facts(): Promise<NatsFacts> {
    const { info } = this.connection.client
    const always = await syncAlways(this.options.monitoring ?? [])
    return {
      serverVersion: info?.version ?? '0.0.0',
      maxPayloadBytes: info?.max_payload ?? 0,
      servers: Math.max(1, info?.connect_urls?.length ?? 1),
      ...(always === undefined ? {} : { syncAlways: always }),
    }
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.connection.onConnection(listener)
  }

  close(): Promise<void> {
    return this.connection.close()
  }
}
