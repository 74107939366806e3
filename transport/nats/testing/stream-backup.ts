/**
 * Backups of streams as the tools of NATS make them (`nats stream backup`, `nats stream restore`): the requests
 * `$JS.API.STREAM.SNAPSHOT` and `$JS.API.STREAM.RESTORE`, each with a run of chunks.
 */
import { createInbox, RequestError, type Msg, type NatsConnection } from '@nats-io/transport-node'

/** A stream, with all it held at one moment. */
export interface StreamBackup {
  readonly name: string
  readonly config: object
  readonly state: object
  readonly chunks: readonly Uint8Array[]
}

const timeout = 10_000

/** Copies one stream, while its server goes on. */
export async function backUpStream(nats: NatsConnection, name: string): Promise<StreamBackup> {
  const inbox = createInbox()
  const chunks: Uint8Array[] = []
  let done: () => void = () => undefined
  const whole = new Promise<void>((resolve) => (done = resolve))
  const take = (message: Msg): void => {
    // An empty one is the last.
    if (message.data.length === 0) done()
    else chunks.push(Uint8Array.from(message.data))
    message.respond()
  }
  const subscription = nats.subscribe(inbox, {
    callback: (_, message) => {
      take(message)
    },
  })
  const question = { deliver_subject: inbox, no_consumers: true, chunk_size: 128 * 1024 }
  const { config, state } = await ask<StreamBackup>(nats, `SNAPSHOT.${name}`, question)
  await whole
  subscription.unsubscribe()
  return { name, config, state, chunks }
}

/** Makes a stream anew, as it was copied. */
export async function restoreStream(nats: NatsConnection, backup: StreamBackup): Promise<void> {
  const { name, config, state, chunks } = backup
  const question = { config, state }
  const { deliver_subject } = await ask<{ deliver_subject: string }>(
    nats,
    `RESTORE.${name}`,
    question,
  )
  for (const chunk of chunks) await send(nats, deliver_subject, chunk)
  checked(await send(nats, deliver_subject, new Uint8Array(0)))
}

/** Other servers may not have heard yet that the one that restores listens there. */
async function send(nats: NatsConnection, subject: string, chunk: Uint8Array): Promise<Msg> {
  for (let tries = 1; ; tries++) {
    try {
      return await nats.request(subject, chunk, { timeout })
    } catch (error) {
      if (!(error instanceof RequestError && error.isNoResponders()) || tries === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Names of all streams. */
export async function allStreams(nats: NatsConnection): Promise<readonly string[]> {
  return (await ask<{ streams: string[] | null }>(nats, 'NAMES', {})).streams ?? []
}

async function ask<T>(nats: NatsConnection, what: string, question: object): Promise<T> {
  const asked = JSON.stringify(question)
  return checked<T>(await nats.request(`$JS.API.STREAM.${what}`, asked, { timeout }))
}

function checked<T>(reply: Msg): T {
  const answer = reply.json<T & { error?: { description: string } }>()
  if (answer.error !== undefined) throw new Error(answer.error.description)
  return answer
}
