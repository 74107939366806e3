/** What every problem must be, checked wherever one is met. */
import { expect } from 'vitest'
import { httpCodes, type Code } from '../index.js'
import { meaningOf } from '../problem/codes.js'
import type { HttpAnswer } from './gateway-kit.js'

/** The answer is the problem of this code: form, status, flags, a sentence. */
export function expectProblem(answer: HttpAnswer, code: Code, detail?: string | RegExp): void {
  expect({ code: answer.body.code, detail: answer.body.detail, status: answer.status }).toEqual({
    code,
    detail:
      detail === undefined
        ? expect.any(String)
        : typeof detail === 'string'
          ? detail
          : expect.stringMatching(detail),
    status: httpCodes[code].status,
  })
  expectSomeProblem(answer)
}

/** The answer is a problem of the table, whichever, and never our own bug. */
export function expectSomeProblem(answer: HttpAnswer): void {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  const { code } = answer.body as { code: Code }
  const { retryable, outcome } = meaningOf(code)
  expect(Object.keys(httpCodes)).toContain(code)
  expect(answer.body).toEqual({
    type: `urn:suanpan:problem:${code}`,
    title: httpCodes[code].title,
    status: answer.status,
    detail: expect.stringMatching(/^.{8,400}[.!]$/),
    code,
    retryable,
    outcome,
  })
}
