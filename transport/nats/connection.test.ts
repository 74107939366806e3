import { expect, it } from 'vitest'
import { PermissionViolationError, type NatsConnection } from '@nats-io/transport-node'
import { Connection } from './connection.js'

/** A connection whose servers say this, once each time it is asked for. */
function connectionOf(told: string[]) {
  const said: { type: 'error'; error: Error }[] = []
  let wake: () => void = () => undefined
  const client = {
    publish: () => undefined,
    isClosed: () => false,
    async *status() {
      for (;;) {
        await new Promise<void>((resolve) => (wake = resolve))
        yield* said.splice(0)
      }
    },
  } as unknown as NatsConnection
  const options = { servers: [], onProblem: (sentence: string) => told.push(sentence) }
  const connection = new Connection(client, options, () => Promise.resolve(undefined))
  const deny = async (subject: string): Promise<void> => {
    said.push({
      type: 'error',
      error: new PermissionViolationError('denied', 'publish', subject),
    })
    wake()
    await new Promise(setImmediate)
  }
  return { connection, deny }
}

it('C18: what may not be published is told once for each subject, and not for one nobody published to', async () => {
  const told: string[] = []
  const { connection, deny } = connectionOf(told)
  await new Promise(setImmediate)
  for (const subject of ['peers', 'peers', 'calls']) connection.publish(subject, Buffer.alloc(1))
  for (const subject of ['peers', 'peers', '$JS.API.INFO', 'calls']) await deny(subject)
  expect(told.map((sentence) => /"(.*)"/.exec(sentence)?.[1])).toEqual(['peers', 'calls'])
})

it('C18: answers leave nothing behind: each goes to an inbox of its own', async () => {
  const told: string[] = []
  const { connection, deny } = connectionOf(told)
  await new Promise(setImmediate)
  connection.publish('_INBOX_node.abc', Buffer.alloc(1))
  await deny('_INBOX_node.abc')
  expect(told).toEqual([])
})
