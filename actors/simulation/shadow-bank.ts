/**
 * The bank as its journal says it is: states evolved by the domain's own event functions, nothing
 * decided. What a replay would bring back, kept version by version so that reads can be compared.
 */
import type { Address, Change } from '../../runtime/index.js'
import type { AccountState } from '../account/account-state.js'
import { actors } from '../module.js'
import type { Turn } from './committed.js'

/** A change of an account or merchant. */
export type AccountChange = Change<AccountState>

type Evolve = (state: unknown, data: unknown) => unknown

interface KnownKind {
  readonly initial: unknown
  readonly events: Readonly<Record<string, Evolve | undefined>>
}

const kinds: ReadonlyMap<string, KnownKind> = new Map(
  actors.definitions.map(({ kind, state, events }) => [
    kind,
    { initial: state as unknown, events: events as KnownKind['events'] },
  ]),
)

export function isAccountKind(kind: string): boolean {
  return kind === 'account' || kind === 'merchant'
}

export class ShadowBank {
  private readonly states = new Map<Address, unknown>()
  /** By account: its state after each of its events; the first is that of version 0. */
  private readonly versions = new Map<Address, AccountState[]>()
  /** By account: when each of its versions was durable, in virtual ms. */
  private readonly durable = new Map<Address, number[]>()

  state<State>(address: Address): State | undefined {
    return this.states.get(address) as State | undefined
  }

  /** All states an account ever had, by version. */
  versionsOf(address: Address): readonly AccountState[] {
    return this.versions.get(address) ?? []
  }

  /** Virtual ms when a version of an account was durable. */
  durableAt(address: Address, version: number): number {
    return this.durable.get(address)?.[version] ?? 0
  }

  /** Virtual ms when a version of an account was no more the newest durable one. */
  replacedAt(address: Address, version: number): number {
    return this.durable.get(address)?.[version + 1] ?? Infinity
  }

  accounts(): IterableIterator<Address> {
    return this.versions.keys()
  }

  /** Evolves by a turn's events. @returns the changes of accounts */
  apply(turn: Turn): AccountChange[] {
    const changes: AccountChange[] = []
    for (const { address, kind, event, data } of turn.events) {
      const definition = kinds.get(kind)
      const evolve = definition?.events[event]
      if (definition === undefined || evolve === undefined) {
        throw new Error(`Nobody defines the event ${kind}.${event}.`)
      }
      const before = this.states.get(address) ?? definition.initial
      const after = evolve(before, data)
      this.states.set(address, after)
      if (!isAccountKind(kind)) continue
      const key = address.slice(address.indexOf('/') + 1)
      const change = { address, kind, key, event, data, before, after } as AccountChange
      changes.push(change)
      const versions = this.versions.get(address)
      if (versions === undefined) {
        this.versions.set(address, [change.before, change.after])
        this.durable.set(address, [0, turn.durableAt])
        continue
      }
      versions.push(change.after)
      this.durable.get(address)!.push(turn.durableAt)
    }
    return changes
  }
}
