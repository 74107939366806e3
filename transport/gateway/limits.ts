/**
 * Every bound of the gateway, with its reason; their relations are asserted when this is loaded.
 * Names are big-endian with the unit last.
 */
import { amountMax, requestLimits } from '../../actors/index.js'

export const gatewayLimits = {
  // Whatever the bank takes: the same at every door to it.
  ...requestLimits,
  /** A transfer of 16 legs with the longest addresses is below 16 KiB. */
  bodyBytesMax: 64 * 1024,
  /** Request line and headers together; an API key and an idempotency key need 400 bytes. */
  headerBytesMax: 16 * 1024,
  /** Head of a request that is read directly: what clients and proxies add to a payment is below 2 KiB. */
  directHeadBytesMax: 4 * 1024,
  /** Nesting of a JSON body: the deepest one (legs of a transfer) has 3. */
  jsonDepthMax: 8,
  /** Length of an address of any actor that an operator names. */
  addressCharactersMax: 256,
  /** Largest amount: 2^53 − 1, the largest integer every JSON reader keeps exact. */
  amountMax,
  /** Largest moment a JavaScript date can name. */
  momentMsMax: 8_640_000_000_000_000,
  /** A batch line with the longest fields, everything in it escaped, is below 8 KiB. */
  batchLineBytesMax: 16 * 1024,
  /** Lines of one batch at work at once: enough to fill the group commits of all shards. */
  batchWindowLines: 1_024,
  /** Answer bytes of one batch that may wait for a slow reader. */
  batchOutputBytesMax: 1024 * 1024,
  /** Answers are handed to the socket when this much is there, or none of the lines read is at work. */
  batchWriteBytes: 64 * 1024,
  /** ms that answers wait for others at most: a write costs as much as ten lines, and a group commit takes as long. */
  batchWriteDelayMs: 4,
  /** ms for the headers of a request to arrive. */
  headersTimeoutMs: 10_000,
  /** ms for a whole request to arrive; long enough for a batch of 12 million lines at full speed. */
  requestTimeoutMs: 300_000,
  /** ms between looks at connections whose time is over. */
  connectionCheckMs: 1_000,
  /** ms an idle connection is kept: longer than the 60 s after which common proxies drop theirs. */
  keepAliveMs: 72_000,
  /** ms that requests at work get when the gateway closes, before their connections are cut. */
  drainMs: 10_000,
  /** Length of the path of a backup: the longest that file systems take. */
  pathCharactersMax: 4_096,
  /** ms a request for a backup waits for its end before it tells how far it is: below `drainMs`. */
  backupWaitMs: 5_000,
  /** What `Retry-After` says when work was shed or the gateway is not ready. */
  retryAfterSeconds: 1,
} as const

const { headersTimeoutMs, requestTimeoutMs }: Record<string, number> = gatewayLimits

const relations: readonly (readonly [boolean, string])[] = [
  [gatewayLimits.bodyBytesMax >= gatewayLimits.legsMax * 1_024, 'a body of the most legs fits'],
  [gatewayLimits.headerBytesMax >= 8 * gatewayLimits.idempotencyKeyCharactersMax, 'a key fits'],
  [gatewayLimits.directHeadBytesMax <= gatewayLimits.headerBytesMax, 'a direct head is a head'],
  [headersTimeoutMs < requestTimeoutMs, 'headers come before bodies'],
  [
    gatewayLimits.batchOutputBytesMax >= 4 * gatewayLimits.batchWriteBytes,
    'a batch keeps reading while one write is out',
  ],
]
for (const [holds, relation] of relations) {
  if (!holds) throw new Error(`gateway limits: ${relation}`)
}
