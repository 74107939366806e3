/** The bus over a real connection: at most once, nothing kept (A3). */
import { PermissionViolationError } from '@nats-io/transport-node'
import { notPermitted, type Connection } from './connection.js'
import type { Bus, BusMessage } from './port.js'

export class NatsBus implements Bus {
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
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
          this.hand(onMessage, {
            subject: message.subject,
            bytes: message.data,
            respond: (bytes) => {
              if (message.reply !== undefined) this.connection.publish(message.reply, bytes)
            },
          })
        }
      },
    })
    return () => subscription.unsubscribe()
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
