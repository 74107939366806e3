/**
 * Reads many messages of a stream in one go: a passing consumer that is asked for batches.
 *
 * C12. It is only a faster way to the same messages. Whatever goes wrong – no consumer in time, a
 *      server lost, a replica behind – ends it, and the reader goes on question by question (C7).
 * C13. Nothing is sent that was not asked for, so a reader that is busy is never a slow consumer.
 */
import { nanos, type Msg } from '@nats-io/transport-node'
import { placeOf } from './delivered.js'
import type { JetStreamApi } from './jetstream-api.js'
import type { NextPiece } from './port.js'
import { Slices } from './slices.js'

/** Messages, and bytes, asked for at once: little, since every other answer comes behind them. */
const batchMessages = 512
const batchBytes = 1024 * 1024 + 64 * 1024
/** ms a consumer may take to be made, and a batch to come, before this way is given up. */
const consumerMs = 400
const batchMs = 1_000
/** ms after which the server removes a consumer nobody asks any more. */
const forgottenMs = 5_000

interface Reading {
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly onMessage: (sequence: number, bytes: Uint8Array) => void
  readonly nextPiece: NextPiece
}

/** @returns the sequence up to which nothing is missing, plus one. @throws what `onMessage` throws */
export async function readInBulk(api: JetStreamApi, reading: Reading): Promise<number> {
  const consumer = await passingConsumer(api, reading)
  if (consumer === undefined) return reading.from
  const { stream, to, onMessage } = reading
  let { from } = reading
  for (;;) {
    await reading.nextPiece()
    const batch = await oneBatch(api, `${stream}.${consumer}`, from, to)
    const slices = new Slices()
    for (const bytes of batch) {
      onMessage(from++, bytes)
      await slices.next()
    }
    // No progress: the rest is asked for one by one.
    if (from > to || batch.length === 0) return from
  }
}

/** @returns its name; undefined when there is none in time */
async function passingConsumer(
  api: JetStreamApi,
  { stream, from }: Reading,
): Promise<string | undefined> {
  const config = {
    deliver_policy: 'by_start_sequence',
    opt_start_seq: from,
    ack_policy: 'none',
    inactive_threshold: nanos(forgottenMs),
    mem_storage: true,
    num_replicas: 1,
  }
  const question = { stream_name: stream, config }
  try {
    const made = await api.ask<{ readonly name: string }>(
      ...[`CONSUMER.CREATE.${stream}`, question, [], consumerMs],
    )
    return made?.name
  } catch {
    return undefined
  }
}

/** @returns messages from `from` on, without gaps, as many as came */
function oneBatch(
  api: JetStreamApi,
  consumer: string,
  from: number,
  to: number,
): Promise<readonly Uint8Array[]> {
  const { connection } = api
  const batch = Math.min(to - from + 1, batchMessages)
  return new Promise((resolve) => {
    const taken: Uint8Array[] = []
    const inbox = connection.inbox()
    const end = (): void => {
      clearTimeout(timer)
      subscription.unsubscribe()
      resolve(taken)
    }
    const timer = setTimeout(end, batchMs)
    const subscription = connection.client.subscribe(inbox, {
      callback: (error, message: Msg) => {
        const place = error === null ? placeOf(message.reply) : undefined
        // No message but news: the batch is over, or the consumer is.
        if (place?.sequence !== from + taken.length) {
          end()
          return
        }
        if (taken.push(message.data) === batch) end()
      },
    })
    const asked = { batch, max_bytes: batchBytes, expires: nanos(batchMs) }
    const bytes = Buffer.from(JSON.stringify(asked))
    connection.ask(`$JS.API.CONSUMER.MSG.NEXT.${consumer}`, bytes, inbox)
  })
}
