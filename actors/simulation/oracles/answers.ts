/**
 * Answers against what was committed: what was acknowledged is there, what was refused was not done,
 * the same key gives the first answer for ever, and another request never gets it.
 */
import { canonical, canonicalOnce } from '../canonical.js'
import { Violation } from '../committed.js'
import { isDefinite, keyName, returnOf } from '../history.js'
import type { Attempt } from '../kit.js'
import type { ModelAnswer } from '../reference/reference-model.js'

/** @throws Violation */
export function checkAnswers(
  attempts: readonly Attempt[],
  committed: ReadonlyMap<string, readonly ModelAnswer[]>,
): void {
  const byKey = new Map<string, Attempt[]>()
  for (const call of attempts) {
    const key = keyName(call.request)
    if (key === '') continue
    const others = byKey.get(key)
    if (others === undefined) byKey.set(key, [call])
    else others.push(call)
  }
  for (const [key, tries] of byKey) {
    checkSticky(key, tries)
    for (const call of tries) {
      const executions = (committed.get(key) ?? []).filter(({ attempt }) =>
        sameRequest(attempt, call),
      )
      checkAcknowledged(key, call, executions)
      checkRefused(key, call, tries, executions)
    }
  }
}

/** A value or a refusal that binds is what was committed. */
function checkAcknowledged(key: string, call: Attempt, executions: readonly ModelAnswer[]): void {
  const { result } = call
  if (result === undefined || !isDefinite(result)) return
  const told = textOf(call)
  const known = executions.map(({ outcome }) => {
    if (outcome === undefined) return 'in flight'
    return outcome.type === 'refused'
      ? outcome.code
      : canonical(outcome.type === 'answer' && outcome.value)
  })
  if (known.includes(told)) return
  throw new Violation(
    'acknowledged',
    `${key} was answered ${told}; committed is ${known.length === 0 ? 'nothing' : known.join(', ')}.`,
  )
}

/** Nothing was done for a request that was only ever refused, or told that nothing was done. */
function checkRefused(
  key: string,
  call: Attempt,
  tries: readonly Attempt[],
  executions: readonly ModelAnswer[],
): void {
  const same = tries.filter((other) => sameRequest(other, call))
  const allDenied = same.every(({ result }) => {
    if (result?.type === 'refused') return true
    return result?.type === 'fault' && result.outcome === 'not_executed'
  })
  if (!allDenied) return
  const done = executions.find(({ outcome }) => outcome?.type === 'answer')
  if (done === undefined) return
  throw new Violation(
    'refused-not-executed',
    `${key} was refused or not executed each time, but committed is ${canonical(done.outcome)}.`,
  )
}

/** The first answer, for ever, and a conflict for every other request. */
function checkSticky(key: string, tries: readonly Attempt[]): void {
  const definite = tries
    .filter(({ result }) => isDefinite(result))
    .sort((a, b) => returnOf(a) - returnOf(b))
  const [first] = definite
  if (first === undefined) return
  const fail = (call: Attempt, why: string): never => {
    throw new Violation(
      'sticky-answers',
      `${key} was first answered ${textOf(first)}, then ${textOf(call)}: ${why}.`,
    )
  }
  for (const call of tries) {
    if (call === first || call.result === undefined) continue
    const same = sameRequest(call, first)
    if (isDefinite(call.result)) {
      if (!same) fail(call, 'two requests share a key')
      if (textOf(call) !== textOf(first)) fail(call, 'the answer changed')
    } else if (call.invokedAt > returnOf(first) && call.result.type === 'refused') {
      fail(call, same ? 'a bound key was free again' : 'the conflict was not seen')
    }
  }
  const firsts = definite.filter(({ result }) => result?.type === 'answered' && !result.replayed)
  if (firsts.length > 1) {
    throw new Violation('applied-once', `${key} was answered as done ${firsts.length} times.`)
  }
}

function sameRequest(a: Attempt, b: Attempt): boolean {
  const [one, other] = [a.request.input, b.request.input]
  return one === other || canonicalOnce(one) === canonicalOnce(other)
}

function textOf({ result }: Attempt): string {
  if (result === undefined) return 'nothing'
  return result.type === 'answered' ? canonical(result.value) : result.code
}
