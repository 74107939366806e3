/**
 * `POST /v1/payments/batch`: a stream of payments in, a stream of answers out, line by line.
 *
 * N1. Each line stands alone: what is wrong with one is its own answer, and the others go on.
 * N2. Answers come in the order of the lines; blank lines have none.
 * N3. Memory is bounded: reading stops while the window of answers is full.
 * N4. A connection that breaks ends the reading; lines already read are done, and their keys tell.
 * N5. A request that breaks off while its connection lives ends the reading too: the whole lines before
 *     are answered, then the connection is cut, so that no answer looks whole.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorObject } from 'ajv'
import type { KeyedBank, Pay, PaymentView, Reply } from '../../../actors/index.js'
import { Refused } from '../../../runtime/index.js'
import { brokeOff } from '../broken-request.js'
import { gatewayLimits as limits } from '../limits.js'
import { operation, type GatewayContext, type Operation } from '../operation.js'
import { GatewayRefusal, invalidRequest, problemFor } from '../problem/problem.js'
import { readJson } from '../request/json-body.js'
import { PlainPaymentReader } from '../request/plain-payment.js'
import { payExample, paymentExample } from '../routes/examples.js'
import { paymentLine } from '../routes/payment-text.js'
import { paymentSchema, problemSchema } from '../schemas/answers.js'
import { batchLine } from '../schemas/requests.js'
import type { Schema } from '../schemas/schema.js'
import { sentenceOf } from '../schemas/sentence.js'
import { validatorOf, type Validator } from '../schemas/validation.js'
import { fullAddress, type Caller } from '../security/caller.js'
import { AnswerWindow } from './answer-window.js'
import { LineSplitter, type LineBlock, type LineSink } from './line-splitter.js'

export const batchContentType = 'application/x-ndjson'
const keyField = 'idempotencyKey'

/** An answer line: a payment, or a problem with the number of its line. */
export const batchAnswerLine: Schema = {
  oneOf: [
    {
      ...paymentSchema,
      properties: {
        ...(paymentSchema['properties'] as Record<string, Schema>),
        idempotentReplayed: {
          type: 'boolean',
          description: 'True for the remembered answer of an earlier request with the same key.',
        },
      },
    },
    problemSchema,
  ],
}

/** Reads lines, asks the bank for each, leaves the answers to the window. */
class BatchRun implements LineSink {
  private readonly bank: KeyedBank
  private readonly caller: Caller
  private readonly validate: Validator<Pay>
  private readonly window: AnswerWindow<Reply<PaymentView>>
  private readonly waiting: (Pay | string | Error)[] = []
  private readonly plain = new PlainPaymentReader()
  private lineNumber = 0

  constructor(
    bank: KeyedBank,
    caller: Caller,
    validate: Validator<Pay>,
    window: AnswerWindow<Reply<PaymentView>>,
  ) {
    this.bank = bank
    this.caller = caller
    this.validate = validate
    this.window = window
  }

  line(text: string): void {
    this.waiting.push(text)
  }

  lineOf(block: LineBlock, start: number, end: number): void {
    this.waiting.push(this.plain.read(block, start, end) ?? block.text.slice(start, end))
  }

  bad(detail: string): void {
    this.waiting.push(invalidRequest(detail))
  }

  /** Handles the lines that were read, as fast as there is room for them. */
  async work(): Promise<void> {
    const { waiting, window } = this
    for (const item of waiting) {
      this.lineNumber++
      if (typeof item === 'string' && isBlank(item)) continue
      while (window.full) await window.changed()
      this.ask(item)
    }
    waiting.length = 0
  }

  private ask(item: Pay | string | Error): void {
    const slot = this.window.take(this.lineNumber)
    try {
      if (item instanceof Error) throw item
      const pay = typeof item === 'string' ? this.read(item) : item
      if (!this.caller.paysAsAnyone) this.caller.mustPayAs(fullAddress(pay.payer, 'account'))
      this.bank.pay(pay).then(slot.done, slot.failed)
    } catch (error) {
      slot.failed(error)
    }
  }

  /** Reads a line that is not plain, or says what is wrong with it. */
  private read(text: string): Pay {
    const value = readJson(text, 'The line')
    if (!this.validate(value)) throw lineRefusal(this.validate.errors ?? [])
    return value
  }
}

/** Most lines begin with a brace, which one look tells. */
function isBlank(text: string): boolean {
  return !text.startsWith('{') && text.trim() === ''
}

function lineRefusal(errors: readonly ErrorObject[]): GatewayRefusal {
  if (errors[0]?.keyword === 'required' && errors[0].params['missingProperty'] === keyField) {
    return new GatewayRefusal('idempotency_key_missing', 'The field "idempotencyKey" is missing.')
  }
  return invalidRequest(sentenceOf(errors).replace(/^The body/, 'The line'))
}

function problemLine(error: unknown, line: number): string {
  const problem = problemFor(error)
  const replayed = error instanceof Refused && error.replayed
  return JSON.stringify({ ...problem, line, ...(replayed ? { idempotentReplayed: true } : {}) })
}

const validateLine = validatorOf<Pay>(batchLine)

async function runBatch(
  request: FastifyRequest,
  reply: FastifyReply,
  context: GatewayContext,
): Promise<void> {
  const { metrics } = context
  const response = reply.raw
  reply.hijack()
  response.writeHead(200, {
    'content-type': batchContentType,
    ...(context.draining ? { connection: 'close' } : {}),
  })
  const window = new AnswerWindow<Reply<PaymentView>>({
    windowLines: context.batchWindowLines,
    outputBytesMax: limits.batchOutputBytesMax,
    writeBytes: limits.batchWriteBytes,
    writeDelayMs: limits.batchWriteDelayMs,
    sink: { write: (text) => response.write(text) },
    write: (answered) => {
      metrics.batchLines.done++
      return paymentLine(answered)
    },
    writeError: (error, line) => {
      metrics.batchLines.refused++
      return problemLine(error, line)
    },
  })
  response.on('drain', () => {
    window.drained()
  })
  const end = (): void => {
    window.end()
  }
  response.on('close', end)
  // A write to a connection that has just broken is an error event, and unheard it ends the process.
  response.on('error', end)
  const run = new BatchRun(context.bank.keyed, request.caller, validateLine, window)
  await feed(request, response, run)
  while (!window.empty) await window.changed()
  if (response.destroyed) return
  if (brokeOff(response)) {
    cut(response)
    return
  }
  response.end(() => {
    // The headers of this answer were sent before the gateway began to close.
    if (context.draining) request.raw.socket.end()
  })
}

/** Reads the request to its end, or to where it breaks. */
async function feed(
  request: FastifyRequest,
  response: ServerResponse,
  run: BatchRun,
): Promise<void> {
  const splitter = new LineSplitter(run, limits.batchLineBytesMax)
  try {
    for await (const chunk of request.raw) {
      splitter.push(chunk as Buffer)
      await run.work()
    }
  } catch {
    // The client has gone, or its request was cut: whoever comes back asks with the same keys.
    request.raw.socket.destroy()
    return
  }
  // The rest of a line whose end never came is no payment.
  if (brokeOff(response)) return
  splitter.end()
  await run.work()
}

/** Ends an answer in the middle, behind what was written of it. */
function cut(response: ServerResponse): void {
  // Behind others it has no socket yet: then it is cut when its turn comes.
  if (response.socket === null) response.destroy()
  else response.socket.destroySoon()
}

export const batchOperation: Operation = operation({
  method: 'POST',
  path: '/v1/payments/batch',
  id: 'payBatch',
  tag: 'Payments',
  summary: 'Makes many payments in one stream',
  description:
    'NDJSON in, NDJSON out: one payment a line with its own idempotencyKey, one answer a line in the same order. Each line stands alone: one that is refused is answered by problem details with the number of its line. Blank lines are skipped. The answer begins before the request ends; read while you send.',
  access: 'pay',
  body: {
    schema: batchLine,
    component: 'BatchLine',
    example: { ...payExample, idempotencyKey: 'order-42' },
    contentType: batchContentType,
  },
  answer: {
    status: 200,
    description: 'One line for each line of the request: a payment, or problem details.',
    schema: batchAnswerLine,
    component: 'BatchAnswerLine',
    example: paymentExample,
    contentType: batchContentType,
  },
  codes: [
    'idempotency_key_missing',
    'idempotency_conflict',
    'idempotency_key_expired',
    'account_not_found',
    'payee_not_found',
    'account_closed',
    'account_frozen',
    'currency_mismatch',
    'limit_exceeded',
    'insufficient_funds',
    'risk_denied',
  ],
  handle: runBatch,
})
