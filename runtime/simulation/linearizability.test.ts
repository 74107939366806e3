/** The checker of checkers: histories whose verdict is known, by hand and by construction. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkLinearizable,
  type Operation,
  type SequentialModel,
  type Verdict,
} from './linearizability.js'

interface RegisterInput {
  readonly register: string
  readonly write?: number
}

/** Registers that hold a number; a read returns it, a write returns 0. */
const registers: SequentialModel<number, RegisterInput, number> = {
  initial: 0,
  step(state, { write }, output) {
    if (write !== undefined) return write
    return output === undefined || output === state ? state : undefined
  },
  keyOf: String,
  partOf: ({ register }) => register,
}

interface Done {
  readonly at: readonly [called: number, returned: number]
  readonly write?: number
  readonly read?: number
  readonly register?: string
}

function historyOf(rows: readonly Done[]): Operation<RegisterInput, number>[] {
  return rows.map(({ at: [called, returned], write, read, register = 'r' }) => ({
    input: write === undefined ? { register } : { register, write },
    output: returned === Infinity ? undefined : (read ?? 0),
    called,
    returned,
  }))
}

function verdictOf(rows: readonly Done[]): string {
  return checkLinearizable(registers, historyOf(rows)).type
}

describe('registers, by hand', () => {
  it.each<[string, readonly Done[]]>([
    ['nothing at all', []],
    [
      'one after the other',
      [
        { at: [0, 1], write: 1 },
        { at: [2, 3], read: 1 },
      ],
    ],
    [
      'a read beside a write sees the old value',
      [
        { at: [0, 3], write: 1 },
        { at: [1, 2], read: 0 },
      ],
    ],
    [
      'a read beside a write sees the new value',
      [
        { at: [0, 3], write: 1 },
        { at: [1, 2], read: 1 },
      ],
    ],
    [
      'two writes beside each other, reads agree on an order',
      [
        { at: [0, 5], write: 1 },
        { at: [1, 6], write: 2 },
        { at: [7, 8], read: 1 },
        { at: [9, 10], read: 1 },
      ],
    ],
    [
      'a write of unknown outcome that happened, long after its call',
      [
        { at: [0, Infinity], write: 5 },
        { at: [1, 2], read: 0 },
        { at: [3, 4], read: 5 },
      ],
    ],
    [
      'a write of unknown outcome that never happened',
      [
        { at: [0, Infinity], write: 5 },
        { at: [1, 2], read: 0 },
      ],
    ],
    [
      'two registers that tell nothing about each other',
      [
        { at: [0, 1], write: 1, register: 'a' },
        { at: [2, 3], read: 0, register: 'b' },
        { at: [4, 5], read: 1, register: 'a' },
      ],
    ],
  ])('accepts %s', (_name, rows) => {
    expect(verdictOf(rows)).toBe('linearizable')
  })

  it.each<[string, readonly Done[]]>([
    [
      'a stale read',
      [
        { at: [0, 1], write: 1 },
        { at: [2, 3], read: 0 },
      ],
    ],
    ['a value nobody wrote', [{ at: [0, 1], read: 7 }]],
    [
      'reads that go back in time',
      [
        { at: [0, 10], write: 1 },
        { at: [1, 2], read: 1 },
        { at: [3, 4], read: 0 },
      ],
    ],
    [
      'reads that disagree on the order of two writes',
      [
        { at: [0, 1], write: 1 },
        { at: [0.5, 1.5], write: 2 },
        { at: [2, 3], read: 1 },
        { at: [4, 5], read: 2 },
        { at: [6, 7], read: 1 },
      ],
    ],
    [
      'a write of unknown outcome seen, then not seen',
      [
        { at: [0, Infinity], write: 5 },
        { at: [1, 2], read: 5 },
        { at: [3, 4], read: 0 },
      ],
    ],
    [
      'a write of unknown outcome seen before its call',
      [
        { at: [0, 1], read: 5 },
        { at: [2, Infinity], write: 5 },
      ],
    ],
    [
      'one bad register among good ones',
      [
        { at: [0, 1], write: 1, register: 'a' },
        { at: [2, 3], read: 1, register: 'a' },
        { at: [4, 5], write: 1, register: 'b' },
        { at: [6, 7], read: 0, register: 'b' },
      ],
    ],
  ])('rejects %s', (_name, rows) => {
    expect(verdictOf(rows)).toBe('not_linearizable')
  })

  it('names the part and the operation that fits nowhere', () => {
    const verdict = checkLinearizable(
      registers,
      historyOf([
        { at: [0, 1], write: 1, register: 'bad' },
        { at: [2, 3], read: 9, register: 'bad' },
      ]),
    ) as Extract<Verdict<RegisterInput, number>, { type: 'not_linearizable' }>
    expect(verdict.part).toBe('bad')
    expect(verdict.placed.map(({ input }) => input.write)).toEqual([1])
    expect(verdict.stuck.map(({ output }) => output)).toEqual([9])
  })

  it('says so when its budget is too small, and accepts nothing', () => {
    const writes = Array.from({ length: 12 }, (_, i): Done => ({ at: [i, 100 + i], write: i }))
    const verdict = checkLinearizable(
      registers,
      historyOf([...writes, { at: [200, 201], read: -1 }]),
      50,
    )
    expect(verdict.type).toBe('undecided')
  })
})

/** A bank: a withdrawal is refused when there is too little. Outputs are balances, -1 for refused. */
interface BankInput {
  readonly account: string
  /** Added; 0 reads. */
  readonly by: number
}

const bank: SequentialModel<number, BankInput, number> = {
  initial: 0,
  step(state, { by }, output) {
    const refused = state + by < 0
    const after = refused ? state : state + by
    const said = refused ? -1 : after
    return output === undefined || output === said ? after : undefined
  },
  keyOf: String,
  partOf: ({ account }) => account,
}

/** A real sequential execution, stretched into overlapping intervals around the true moments. */
interface Stretched {
  readonly account: number
  readonly by: number
  readonly before: number
  readonly after: number
  readonly unknown: boolean
}

const stretched = fc.array(
  fc.record<Stretched>({
    account: fc.nat(2),
    by: fc.integer({ min: -30, max: 30 }),
    before: fc.double({ min: 0, max: 4, noNaN: true }),
    after: fc.double({ min: 0, max: 4, noNaN: true }),
    unknown: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)

function executed(rows: readonly Stretched[]): Operation<BankInput, number>[] {
  const balances = new Map<string, number>()
  return rows.map(({ account, by, before, after, unknown }, moment) => {
    const name = `account-${account}`
    const balance = balances.get(name) ?? 0
    const refused = balance + by < 0
    if (!refused) balances.set(name, balance + by)
    // Unique orders: no call and return fall together.
    const called = moment - before - 1e-6 * (moment + 1)
    const returned = moment + after + 1e-6 * (moment + 1)
    return {
      input: { account: name, by },
      output: unknown ? undefined : refused ? -1 : balance + by,
      called,
      returned: unknown ? Infinity : returned,
    }
  })
}

describe('histories made from a real order', () => {
  it('always pass', () => {
    fc.assert(
      fc.property(stretched, (rows) => {
        expect(checkLinearizable(bank, executed(rows)).type).toBe('linearizable')
      }),
      { numRuns: 500 },
    )
  })

  it('never pass with a stale read planted behind them', () => {
    fc.assert(
      fc.property(stretched, fc.nat(2), (rows, which) => {
        const account = `account-${which}`
        // Everything is answered before, and one more deposit makes the true balance one of its own.
        const known = executed(rows.map((row) => ({ ...row, unknown: false })))
        const end = rows.length + 10
        const mine = known.filter((operation) => operation.input.account === account)
        const balance = mine.reduce(
          (sum, { input, output }) => (output === -1 ? sum : sum + input.by),
          0,
        )
        const planted: Operation<BankInput, number>[] = [
          { input: { account, by: 5 }, output: balance + 5, called: end, returned: end + 1 },
          { input: { account, by: 0 }, output: balance, called: end + 2, returned: end + 3 },
        ]
        const good = checkLinearizable(bank, [...known, ...planted.slice(0, 1)])
        expect(good.type).toBe('linearizable')
        expect(checkLinearizable(bank, [...known, ...planted]).type).toBe('not_linearizable')
      }),
      { numRuns: 500 },
    )
  })

  it('agree with trying every order, where there are few', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            write: fc.option(fc.nat(2), { nil: undefined }),
            read: fc.nat(2),
            called: fc.integer({ min: 0, max: 12 }),
            length: fc.integer({ min: 0, max: 8 }),
            unknown: fc.boolean(),
          }),
          { maxLength: 5 },
        ),
        (rows) => {
          const history = rows.map(
            ({ write, read, called, length, unknown }, i): Operation<RegisterInput, number> => ({
              input: write === undefined ? { register: 'r' } : { register: 'r', write },
              output: unknown ? undefined : read,
              called: called + i / 100,
              returned: unknown ? Infinity : called + length + 0.5 + i / 100,
            }),
          )
          const verdict = checkLinearizable(registers, history).type
          expect(verdict).toBe(someOrderFits(history, 0) ? 'linearizable' : 'not_linearizable')
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

/** The definition itself: some order of all that returned, and of some that did not, fits. */
function someOrderFits(left: readonly Operation<RegisterInput, number>[], state: number): boolean {
  if (left.every(({ returned }) => returned === Infinity)) return true
  const firstReturn = Math.min(...left.map(({ returned }) => returned))
  return left.some((operation) => {
    if (operation.called > firstReturn) return false
    const after = registers.step(state, operation.input, operation.output)
    if (after === undefined) return false
    return someOrderFits(
      left.filter((other) => other !== operation),
      after,
    )
  })
}
