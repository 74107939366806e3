/**
 * Is a history of concurrent operations linearizable: could each operation have happened at one moment
 * between its call and its return, so that all results are those of a sequential object?
 *
 * The search of Wing and Gong (1993) with Lowe's memory of visited configurations (2017): a
 * configuration is the set of operations done and the state they lead to; none is searched twice.
 * A history is checked part by part where a model says its parts are independent (Herlihy and Wing,
 * 1990: linearizability is local).
 *
 * L1. An operation whose outcome is unknown has no return: it may happen any time after its call, or
 *     never.
 * L2. The answer is exact: a history is accepted only when an order exists, and rejected only when none
 *     does. A search beyond its budget says so and accepts nothing.
 */

/** One operation of one client. */
export interface Operation<Input, Output> {
  readonly input: Input
  /** What it returned; undefined when nobody knows. */
  readonly output: Output | undefined
  /** Order of the call among all calls and returns of the history. */
  readonly called: number
  /** Order of the return; Infinity when the outcome is unknown. */
  readonly returned: number
}

/** A sequential object. States are immutable values. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State
  /**
   * One operation on a state.
   * @param output undefined when it is unknown: any output will do
   * @returns the next state; undefined when this output is impossible here
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined
  /** A text that is equal for equal states and for no others. */
  keyOf(state: State): string
  /** Names the part an operation belongs to; parts are checked apart. @default one part */
  partOf?(input: Input): string
}

export type Verdict<Input, Output> =
  | { readonly type: 'linearizable' }
  | {
      readonly type: 'not_linearizable'
      readonly part: string
      /** The longest order found, and the operations no order could place behind it. */
      readonly placed: readonly Operation<Input, Output>[]
      readonly stuck: readonly Operation<Input, Output>[]
    }
  /** The budget ran out; neither is proven. */
  | { readonly type: 'undecided'; readonly part: string; readonly configurations: number }

/** Configurations searched in one part before it is given up. */
const configurationsMax = 2_000_000

/** Checks a history, part by part. The first part that fails decides. */
export function checkLinearizable<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  budget = configurationsMax,
): Verdict<Input, Output> {
  const parts = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    const part = model.partOf?.(operation.input) ?? ''
    const operations = parts.get(part)
    if (operations === undefined) parts.set(part, [operation])
    else operations.push(operation)
  }
  for (const [part, operations] of parts) {
    const verdict = checkPart(model, part, operations, budget)
    if (verdict.type !== 'linearizable') return verdict
  }
  return { type: 'linearizable' }
}

/** A call or a return, in a list linked both ways so that an operation is taken out and put back at once. */
class Mark {
  previous: Mark | undefined
  next: Mark | undefined
  /** The return of a call; undefined at a return, and at a call that has none. */
  back: Mark | undefined
  readonly operation: number
  readonly isCall: boolean

  constructor(operation: number, isCall: boolean) {
    this.operation = operation
    this.isCall = isCall
  }
}

interface Step<State> {
  readonly mark: Mark
  readonly stateBefore: State
}

function checkPart<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  part: string,
  operations: readonly Operation<Input, Output>[],
  budget: number,
): Verdict<Input, Output> {
  const head = linked(operations)
  const done = new Bits(operations.length)
  const visited = new Set<string>()
  const stack: Step<State>[] = []
  // Operations with a return that are not placed yet: when there are none, an order is found.
  let owed = operations.filter(({ returned }) => returned !== Infinity).length
  let state = model.initial
  let best: number[] = []
  let mark = head.next

  while (owed > 0) {
    // At a return of what is not placed, or at the end, nothing more can go first.
    if (mark?.isCall === true) {
      const { input, output } = operations[mark.operation]!
      const after = model.step(state, input, output)
      if (after !== undefined && isNew(visited, done, mark.operation, model.keyOf(after))) {
        if (visited.size > budget) {
          return { type: 'undecided', part, configurations: visited.size }
        }
        stack.push({ mark, stateBefore: state })
        state = after
        done.set(mark.operation)
        if (mark.back !== undefined) owed--
        lift(mark)
        mark = head.next
        continue
      }
      mark = mark.next
      if (mark !== undefined) continue
    }
    if (stack.length > best.length) best = stack.map((step) => step.mark.operation)
    const last = stack.pop()
    if (last === undefined) return stuckAt(part, operations, best)
    state = last.stateBefore
    done.clear(last.mark.operation)
    if (last.mark.back !== undefined) owed++
    unlift(last.mark)
    mark = last.mark.next
  }
  return { type: 'linearizable' }
}

/** Remembers a configuration. @returns false when it was searched before */
function isNew(visited: Set<string>, done: Bits, operation: number, state: string): boolean {
  const configuration = `${done.keyWith(operation)} ${state}`
  if (visited.has(configuration)) return false
  visited.add(configuration)
  return true
}

/** All calls and returns in order, behind a head. */
function linked(operations: readonly Operation<unknown, unknown>[]): Mark {
  const marks: { readonly at: number; readonly mark: Mark }[] = []
  operations.forEach(({ called, returned }, number) => {
    const call = new Mark(number, true)
    marks.push({ at: called, mark: call })
    if (returned === Infinity) return
    call.back = new Mark(number, false)
    marks.push({ at: returned, mark: call.back })
  })
  marks.sort((a, b) => a.at - b.at)
  const head = new Mark(-1, true)
  let last = head
  for (const { mark } of marks) {
    last.next = mark
    mark.previous = last
    last = mark
  }
  return head
}

/** Takes a call and its return out of the list; they remember their places. */
function lift(call: Mark): void {
  unlink(call)
  if (call.back !== undefined) unlink(call.back)
}

function unlift(call: Mark): void {
  if (call.back !== undefined) relink(call.back)
  relink(call)
}

function unlink(mark: Mark): void {
  if (mark.previous !== undefined) mark.previous.next = mark.next
  if (mark.next !== undefined) mark.next.previous = mark.previous
}

function relink(mark: Mark): void {
  if (mark.previous !== undefined) mark.previous.next = mark
  if (mark.next !== undefined) mark.next.previous = mark
}

function stuckAt<Input, Output>(
  part: string,
  operations: readonly Operation<Input, Output>[],
  best: readonly number[],
): Verdict<Input, Output> {
  const placed = new Set(best)
  const left = operations.filter((_, number) => !placed.has(number))
  const firstReturn = Math.min(...left.map(({ returned }) => returned))
  return {
    type: 'not_linearizable',
    part,
    placed: best.map((number) => operations[number]!),
    stuck: left.filter(({ called }) => called < firstReturn),
  }
}

/** A set of small numbers. */
class Bits {
  private readonly words: Uint32Array

  constructor(size: number) {
    this.words = new Uint32Array(Math.ceil(size / 32))
  }

  set(bit: number): void {
    this.words[bit >>> 5]! |= 1 << (bit & 31)
  }

  clear(bit: number): void {
    this.words[bit >>> 5]! &= ~(1 << (bit & 31))
  }

  /** A text that names the set with one more member. */
  keyWith(bit: number): string {
    this.set(bit)
    const key = this.words.join(',')
    this.clear(bit)
    return key
  }
}
