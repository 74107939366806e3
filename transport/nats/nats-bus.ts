/** The bus over a real connection: at most once, nothing kept (A3). */
import { PermissionViolationError } from '@nats-io/transport-node'
import { notPermitted, type Connection } from './connection.js'
import { isInbox } from './inbox.js'
import type { Bus, BusMessage } from './port.js'

export class NatsBus implements Bus {
  private readonly connection: Connection
  private toldOfMisled = false

  constructor(connection: Connection) {
    this.connection = connection
  }

  get payloadBytesMax(): number {
    return this.connection.payloadBytesMax
  }

  publish(subject: string, bytes: Uint8Array): void {
    this.connection.publish(subject, bytes)
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void): () => void {
    const subscription = this.connection.client.subscribe(subject, {
      callback: (error, message) => {
        if (error instanceof PermissionViolationError) {
          this.connection.problem(notPermitted(error).message)
        } else if (error === null) {
          const { subject: at, data: bytes, reply = '' } = message
          if (reply !== '' && !isInbox(reply)) {
            this.misled(at, reply)
            return
          }
          const respond = (answer: Uint8Array): void => {
            if (reply !== '') this.connection.publish(reply, answer)
          }
          this.hand(onMessage, { subject: at, bytes, respond })
        }
      },
    })
    return () => subscription.unsubscribe()
  }

  /** C17. Told once: whoever asks so may ask often. */
  private misled(subject: string, reply: string): void {
    if (this.toldOfMisled) return
    this.toldOfMisled = true
    // The words of a stranger.
    const where = JSON.stringify(reply.slice(0, 128))
    this.connection.problem(
      `A question at ${subject} wants its answer at ${where}, which is no inbox: it and all others like it are dropped. Whoever may ask there tries to write what they may not; look who that is.`,
    )
  }

  /** What a listener throws would end the connection of all others: it is told instead. */
  private hand(onMessage: (message: BusMessage) => void, message: BusMessage): void {
    try {
      onMessage(message)
    } catch (error) {
      const { message: why } = error instanceof Error ? error : new Error(String(error))
      this.connection.problem(`A message at ${message.subject} is dropped: ${why}.`)
    }
  }

  async request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return (await this.connection.request(subject, bytes, timeoutMs)).data
  }
}
