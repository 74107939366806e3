/**
 * One watch of a bucket: a consumer of its stream, made anew whenever anything about it is in doubt.
 *
 * C10. A change is told once, in the order of revisions. A consumer that skips, falls silent or may
 *      have been lost with a server is left to itself and another one goes on after the last change told.
 * C11. Consumers live in memory, and the server removes one that nobody listens to: none is left over, and
 *      of a watch that was stopped nothing here either.
 * C21. What hinders a watch is told, and told less and less often while it lasts (LT1).
 * C22. Who may make no consumer reads, and tries to make one less and less often: the permission may come back.
 */
import { nanos, type Msg, type Subscription } from '@nats-io/transport-node'
import { placeOf } from './delivered.js'
import type { JetStreamApi, StoredMessage } from './jetstream-api.js'
import { readKeys } from './key-reads.js'
import { LastingTrouble, type TroubleSoFar } from './lasting-trouble.js'
import { NatsRefused } from './port.js'

export interface KeyWatchOptions {
  readonly stream: string
  readonly filter: string
  onMessage(subject: string, bytes: Uint8Array, revision: number, headers: string): void
}

const heartbeatMs = 1_000
/** A consumer that is silent for this long is taken for lost. */
const silenceMs = 3 * heartbeatMs
/** ms before another consumer is tried after one could not be made. */
const retryMs = 250
/** ms between two tries of who may make none: at first, and at most. */
const deniedMs = 2_000
const deniedMsMax = 60_000

export class KeyWatch {
  private readonly api: JetStreamApi
  private readonly options: KeyWatchOptions
  /** Revision up to which everything was told. */
  private told = 0
  private stopped = false
  private readonly stopListening: () => void
  private subscription: Subscription | undefined
  /** Messages the present consumer has sent. */
  private delivered = 0
  private timer: NodeJS.Timeout | undefined
  /** Stops the reads that stand in for a consumer. */
  private endReads: (() => void) | undefined
  private deniedMs = deniedMs
  private readonly trouble = new LastingTrouble(() => performance.now())

  constructor(api: JetStreamApi, options: KeyWatchOptions) {
    this.api = api
    this.options = options
    this.stopListening = api.connection.onConnection((connected) => {
      if (connected) this.begin()
    })
    this.begin()
  }

  stop(): void {
    this.stopped = true
    this.stopListening()
    this.endReading()
    this.end()
  }

  private end(): void {
    clearTimeout(this.timer)
    this.subscription?.unsubscribe()
    this.subscription = undefined
  }

  private again(delayMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.begin(), delayMs)
    this.timer.unref()
  }

  private begin(): void {
    this.end()
    const { connection } = this.api
    if (this.stopped || connection.client.isClosed()) return
    // The reconnect begins it again.
    if (!connection.connected) return
    this.delivered = 0
    const inbox = connection.inbox()
    const subscription = connection.client.subscribe(inbox, {
      callback: (error, message) => {
        if (this.subscription !== subscription) return
        if (error !== null) this.fails(`fails: ${error.message}.`)
        else this.receive(message)
      },
    })
    this.subscription = subscription
    this.again(silenceMs)
    this.consumer(inbox).then(
      () => {
        if (this.subscription === subscription) this.endReading()
      },
      (error: unknown) => {
        if (this.subscription === subscription) this.failed(error)
      },
    )
  }

  /** There is no consumer. */
  private failed(error: unknown): void {
    if (error instanceof NatsRefused && error.code === 'nats_permission') {
      this.end()
      this.read()
      this.again(this.deniedMs)
      this.deniedMs = Math.min(2 * this.deniedMs, deniedMsMax)
      return
    }
    const { message } = error instanceof Error ? error : new Error(String(error))
    this.fails(`could not begin and tries again. ${message}`)
    this.again(retryMs)
  }

  private fails(why: string): void {
    const so = this.trouble.met()
    if (so !== undefined) this.tell(why, so)
  }

  private goesOn(): void {
    const ms = this.trouble.over()
    if (ms !== undefined) this.tell('goes on.', { ms })
  }

  private tell(what: string, { ms, times }: TroubleSoFar): void {
    const since =
      ms === undefined
        ? ''
        : ` (After ${Math.round(ms / 1_000)} s${times === undefined ? '' : `, ${times} times`}.)`
    this.api.connection.problem(`The watch of ${this.options.filter} ${what}${since}`)
  }

  /** For users who may make no consumer (C22). */
  private read(): void {
    if (this.endReads !== undefined) return
    const { stream, filter } = this.options
    const reading = {
      ...{ stream, filter },
      onMessage: ({ subject, bytes, sequence, headers }: StoredMessage) => {
        // A consumer that was just made may have been faster.
        if (sequence <= this.told) return
        this.told = sequence
        this.options.onMessage(subject, bytes, sequence, headers)
      },
      onTrouble: (error: Error) => this.fails(`tries again. ${error.message}`),
      onLook: () => this.goesOn(),
    }
    this.endReads = readKeys(this.api, reading, this.told)
  }

  private endReading(): void {
    this.endReads?.()
    this.endReads = undefined
    this.deniedMs = deniedMs
  }

  private async consumer(inbox: string): Promise<void> {
    const { stream, filter } = this.options
    const start =
      this.told === 0
        ? { deliver_policy: 'last_per_subject' }
        : { deliver_policy: 'by_start_sequence', opt_start_seq: this.told + 1 }
    const config = {
      ...start,
      deliver_subject: inbox,
      filter_subject: filter,
      ack_policy: 'none',
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: nanos(heartbeatMs),
      inactive_threshold: nanos(10 * heartbeatMs),
      mem_storage: true,
      num_replicas: 1,
    }
    await this.api.ask(`CONSUMER.CREATE.${stream}`, { stream_name: stream, config }, [])
  }

  private receive(message: Msg): void {
    this.again(silenceMs)
    const headers = message.headers
    if (headers?.code === 100) {
      this.goesOn()
      // Flow control wants an answer, a heartbeat only when the consumer stalled.
      if (message.reply !== undefined && message.reply !== '') message.respond()
      const stalled = headers.get('Nats-Consumer-Stalled')
      if (stalled !== '') this.api.connection.client.publish(stalled)
      const last = headers.get('Nats-Last-Consumer')
      if (last !== '' && Number(last) !== this.delivered) this.begin()
      return
    }
    if (headers !== undefined && headers.code >= 300) {
      this.begin()
      return
    }
    const place = placeOf(message.reply)
    if (place === undefined || place.delivered !== this.delivered + 1) {
      this.begin()
      return
    }
    this.delivered = place.delivered
    this.goesOn()
    if (place.sequence <= this.told) return
    this.told = place.sequence
    const lines = headers === undefined ? '' : linesOf(message)
    this.options.onMessage(message.subject, message.data, place.sequence, lines)
  }
}

function linesOf(message: Msg): string {
  const operation = message.headers?.get('KV-Operation') ?? ''
  return operation === '' ? '' : `KV-Operation: ${operation}`
}
