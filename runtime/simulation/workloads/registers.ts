/**
 * The kit's own workload: registers that hold numbers, give to each other across shards, and ring
 * when their time has come. It needs no payments, and everything it does can be checked by adding up.
 */
import { addressOf, type Address } from '../../actor/address.js'
import { defineActor, type TallyDefinition } from '../../actor/define-actor.js'
import type { OracleFactory } from '../oracle.js'
import type { Random } from '../random.js'
import type { OperationRequest, Workload } from '../workload.js'

interface RegisterState {
  readonly value: number
  readonly rung: number
}

/** Something that gives: `outcome` is a refusal when the other side did not take it. */
interface Delivered {
  readonly outcome: unknown
  readonly context: { readonly by: number }
}

const register = defineActor({
  kind: 'register',
  state: { value: 0, rung: 0 },
  flat: true,
  events: {
    added: (state, { by }: { by: number }) => ({ ...state, value: state.value + by }),
    given: (state, { by }: { by: number }) => ({ ...state, value: state.value - by }),
    taken: (state, { by }: { by: number }) => ({ ...state, value: state.value + by }),
    returned: (state, { by }: { by: number }) => ({ ...state, value: state.value + by }),
    promised: (state, _data: { ms: number }) => ({ ...state }),
    rung: (state, _data: object) => ({ ...state, rung: state.rung + 1 }),
  },
  commands: {
    add(turn, { by }: { by: number }) {
      if (turn.state.value + by < 0) return turn.refuse('below_zero', 'There is less than that.')
      turn.emit('added', { by })
      return turn.state.value
    },
    give(turn, { by, to }: { by: number; to: string }) {
      if (turn.state.value < by) return turn.refuse('below_zero', 'There is less than that.')
      turn.emit('given', { by })
      turn.send(to, 'take', { by }, { then: 'delivered', context: { by } })
      return turn.state.value
    },
    take(turn, { by }: { by: number }) {
      if (by % 7 === 0) return turn.refuse('unlucky', 'Multiples of seven are not taken.')
      turn.emit('taken', { by })
      return turn.state.value
    },
    delivered(turn, { outcome, context }: Delivered) {
      const refused = typeof outcome === 'object' && outcome !== null && 'refused' in outcome
      if (refused) turn.emit('returned', { by: context.by })
    },
    promise(turn, { ms }: { ms: number }) {
      turn.emit('promised', { ms })
      turn.after(ms, 'ring', {})
      return turn.sequence()
    },
    ring(turn) {
      turn.emit('rung', {})
    },
    stumble(): never {
      throw new Error('stumbles by design')
    },
  },
  queries: { value: (view) => view.self.value },
  passivate: { afterIdleMs: 200 },
})

/** Falls over every message it must take: what parks, and quarantine, are seen with it. */
const clumsy = defineActor({
  kind: 'clumsy',
  state: { poked: 0 },
  events: { poked: (state) => ({ poked: state.poked + 1 }) },
  commands: {
    poke(turn, { friend }: { friend: string }) {
      turn.emit('poked', {})
      turn.send(friend, 'fall', {})
      return turn.state.poked
    },
    fall(): never {
      throw new Error('falls by design')
    },
  },
})

interface Tally {
  values: number
  readonly own: number
  readonly outTo: number[]
  readonly inFrom: number[]
  added: number
  returned: number
}

/** What is in a shard is what was added, less what went out, plus what came in or back. */
const tally: TallyDefinition<Tally> = {
  initial: (shard, shards) => ({
    values: 0,
    own: shard,
    outTo: new Array<number>(shards).fill(0),
    inFrom: new Array<number>(shards).fill(0),
    added: 0,
    returned: 0,
  }),
  observe: (own, change) => {
    if (change.kind !== 'register') return
    const { before, after, event, data } = change as {
      before: RegisterState
      after: RegisterState
      event: string
      data: { by: number }
    }
    own.values += after.value - before.value
    if (event === 'added') own.added += data.by
    else if (event === 'given') own.added -= data.by
    else if (event === 'taken' || event === 'returned') own.returned += data.by
  },
  sent: (own, target, { command, input }) => {
    if (command === 'take') own.outTo[target]! += (input as { by: number }).by
    return [command, (input as { by?: number } | undefined)?.by ?? 0, own.outTo[target]]
  },
  received: (own, source, stamp) => {
    const [command, by, total] = stamp as [string, number, number]
    if (command === 'take') own.inFrom[source]! += by
    if (own.inFrom[source] === total) return undefined
    return `shard ${source} has sent ${total}, ${own.inFrom[source]} arrived`
  },
  check: (own) =>
    own.values === own.added + own.returned
      ? undefined
      : `registers hold ${own.values}, their entries say ${own.added + own.returned}`,
}

/** Every answer of `add` is the value its turn left behind, in the order of the journal. */
const valuesFollow: OracleFactory = {
  name: 'values follow the journal',
  create: ({ violation }) => {
    const values = new Map<Address, number>()
    const expected = new Map<string, number>()
    const rings = { promised: 0, rung: 0 }
    return {
      name: 'values follow the journal',
      committed: ({ turns }) => {
        for (const turn of turns) {
          for (const { address, kind, event, data } of turn.events) {
            if (kind !== 'register') continue
            if (event === 'promised') rings.promised++
            if (event === 'rung') rings.rung++
            const { by } = data as { by?: number }
            const change = by === undefined ? 0 : event === 'given' ? -by : by
            values.set(address, (values.get(address) ?? 0) + change)
            if (values.get(address)! < 0) violation(`${address} is below zero`)
          }
          for (const { operation, refusal } of turn.keys) {
            const { address, name, key } = operation.request
            if (refusal !== undefined || (name !== 'add' && name !== 'give')) continue
            expected.set(`${address} ${name} ${key}`, values.get(address) ?? 0)
          }
        }
      },
      finished: ({ operations, query }) => {
        for (const { request, result } of operations) {
          const { address, name, key } = request
          const due = expected.get(`${address} ${name} ${key}`)
          if (due === undefined || result?.type !== 'answered' || result.value === due) continue
          violation(`${address}.${name} ${key} answered ${String(result.value)} instead of ${due}`)
        }
        for (const [address, value] of values) {
          const read = query(address, 'value')
          if (read !== value) violation(`${address} is ${String(read)}; its events give ${value}`)
        }
        if (rings.rung > rings.promised) violation('more timers fired than were set')
      },
    }
  },
}

/** Every value that was read was one the register had, durably, while it was asked for. */
const currentReads: OracleFactory = {
  name: 'current reads',
  create: ({ violation }) => {
    const values = new Map<Address, { readonly at: number; readonly value: number }[]>()
    const valuesOf = (address: Address): { readonly at: number; readonly value: number }[] => {
      const known = values.get(address) ?? [{ at: 0, value: 0 }]
      values.set(address, known)
      return known
    }
    return {
      name: 'current reads',
      committed: ({ turns, durableAt }) => {
        for (const { address, kind, event, data } of turns.flatMap(({ events }) => events)) {
          const { by } = data as { by?: number }
          if (kind !== 'register' || by === undefined) continue
          const before = valuesOf(address)
          const value = before.at(-1)!.value + (event === 'given' ? -by : by)
          before.push({ at: durableAt, value })
        }
      },
      finished: ({ operations }) => {
        for (const { request, result, invokedAt, completedAt = Infinity } of operations) {
          const { type, address } = request
          if (type !== 'query' || result?.type !== 'answered') continue
          const all = valuesOf(address)
          const begin = all.findLastIndex(({ at }) => at <= invokedAt)
          const held = all.slice(begin).filter(({ at }) => at <= completedAt)
          if (held.some(({ value }) => value === result.value)) continue
          violation(
            `current-reads: ${address} was read as ${String(result.value)} from ${invokedAt} to ${completedAt} ms; it was ${held.map(({ value }) => value).join(', ')}`,
          )
        }
      },
    }
  },
}

/** Draws what the clients of one run do. */
function operationsOf(random: Random): () => OperationRequest {
  const registers = Array.from({ length: random.whole(2, 12) }, (_, i) =>
    addressOf('register', `r${i}`),
  )
  const clumsies = Array.from({ length: 4 }, (_, i) => addressOf('clumsy', `c${i}`))
  const used: OperationRequest[] = []
  let number = 0
  const fresh = (): OperationRequest => {
    const address = random.pick(registers)
    const key = `k${++number}`
    const dice = random.next()
    if (dice < 0.25) return { type: 'query', address, name: 'value' }
    if (dice < 0.5) {
      return { type: 'command', address, name: 'add', input: { by: random.whole(-40, 60) }, key }
    }
    if (dice < 0.8) {
      const input = { by: random.whole(1, 30), to: random.pick(registers) }
      return { type: 'command', address, name: 'give', input, key }
    }
    if (dice < 0.92) {
      return { type: 'command', address, name: 'promise', input: { ms: random.whole(1, 900) }, key }
    }
    if (dice < 0.97) {
      const input = { friend: random.pick(clumsies) }
      return { type: 'command', address: random.pick(clumsies), name: 'poke', input, key }
    }
    return { type: 'command', address, name: 'stumble', input: {}, key }
  }
  return () => {
    if (used.length > 0 && random.chance(0.08)) {
      const again = random.pick(used)
      // The same key: sometimes for the same request, sometimes for another one.
      return random.chance(0.6) ? again : { ...again, input: { by: 1, to: registers[0] } }
    }
    const request = fresh()
    if (request.name === 'add' || request.name === 'give') used.push(request)
    return request
  }
}

/** Registers, with what must hold of them. */
export const registers: Workload & { readonly oracles: readonly OracleFactory[] } = {
  name: 'generic',
  actors: { definitions: [register, clumsy], tally },
  oracles: [valuesFollow, currentReads],
  start: ({ random }) => {
    const next = operationsOf(random)
    return { next: () => next() }
  },
}
