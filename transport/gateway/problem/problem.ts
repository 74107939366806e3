/**
 * Problem details (RFC 9457): from anything that can go wrong to the one form of answer clients get.
 *
 * P1. Every error becomes a problem with a code of the table; what is not known is `internal_error`.
 * P2. Faults of the infrastructure tell the sentence of the register, never paths, stacks or inputs.
 */
import {
  SuanpanError,
  InvariantViolated,
  Refused,
  type OutcomeKnown,
} from '../../../runtime/index.js'
import { gatewayLimits } from '../limits.js'
import { sentenceOf, type ValidationProblem } from '../schemas/sentence.js'
import { gatewayCodes, httpCodes, isCode, meaningOf, type Code, type GatewayCode } from './codes.js'

export const problemContentType = 'application/problem+json'

/** The body of an answer that is not what was asked for. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: Code
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
}

/** The gateway itself says no, before the bank is asked. */
export class GatewayRefusal extends SuanpanError {
  override readonly name = 'GatewayRefusal'
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
  constructor(
    readonly code: GatewayCode | 'invalid_request' | 'idempotency_key_missing' | NotFoundCode,
    detail?: string,
    /** Headers the answer carries beside those of its code. */
    readonly headers?: Readonly<Record<string, string>>,
  ) {
    const { retryable, outcome, advice } = meaningOf(code)
    super(detail ?? advice)
    this.retryable = retryable
    this.outcome = outcome
  }
}

type NotFoundCode = 'not_found' | 'not_ready'

/** A wrong request, and why, in one sentence. */
export function invalidRequest(detail: string): GatewayRefusal {
  return new GatewayRefusal('invalid_request', detail)
}

/** The problem of a code. @param detail what is special about this occurrence */
export function problemOf(code: Code, detail?: string): Problem {
  const { status, title } = httpCodes[code]
  const { retryable, outcome, advice } = meaningOf(code)
  return {
    type: `urn:suanpan:problem:${code}`,
    title,
    status,
    detail: detail ?? advice,
    code,
    retryable,
    outcome,
  }
}

/** The problem of anything thrown or rejected with. */
export function problemFor(error: unknown): Problem {
  if (error instanceof SuanpanError && isCode(error.code)) {
    return problemOf(error.code, speaks(error) ? error.message : undefined)
  }
  if (!(error instanceof Error) || error instanceof InvariantViolated) {
    return problemOf('internal_error')
  }
  const { validation, code, statusCode } = error as FrameworkError
  if (validation !== undefined) return problemOf('invalid_request', sentenceOf(validation))
  const known = code === undefined ? undefined : frameworkProblems[code]
  if (known !== undefined) return problemOf(known.code, known.detail)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problemOf('invalid_request', 'The request is malformed.')
  }
  return problemOf('internal_error')
}

/**
 * Whether the error's own sentence is for the caller: refusals, what is wrong with a request, and what hindered a
 * backup, whose paths the operator has named.
 */
function speaks(error: SuanpanError): boolean {
  return (
    error instanceof Refused ||
    error instanceof GatewayRefusal ||
    error.code === 'invalid_request' ||
    error.code.startsWith('backup_')
  )
}

/** Headers that belong to a problem. */
export function problemHeaders(error: unknown, problem: Problem): Record<string, string> {
  const headers: Record<string, string> = {}
  if (error instanceof GatewayRefusal) Object.assign(headers, error.headers)
  if (error instanceof Refused && error.replayed) headers['idempotent-replayed'] = 'true'
  if (problem.code === 'overloaded' || problem.code === 'not_ready') {
    headers['retry-after'] = String(gatewayLimits.retryAfterSeconds)
  }
  if (problem.status === 401) headers['www-authenticate'] ??= 'Bearer realm="suanpan"'
  return headers
}

interface FrameworkError {
  readonly validation?: readonly ValidationProblem[]
  readonly code?: string
  readonly statusCode?: number
}

const frameworkProblems: Readonly<
  Record<string, { readonly code: GatewayCode | 'invalid_request'; readonly detail: string }>
> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'body_too_large',
    detail: `The body is larger than ${gatewayLimits.bodyBytesMax} bytes.`,
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported_media_type',
    detail: gatewayCodes.unsupported_media_type.advice,
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'invalid_request',
    detail: 'The body is not as long as the header Content-Length says.',
  },
  FST_ERR_BAD_URL: {
    code: 'invalid_request',
    detail: 'The path is not a valid URL: a percent sign must be followed by two hex digits.',
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'invalid_request',
    detail: 'A part of the path is too long to be an id.',
  },
}
