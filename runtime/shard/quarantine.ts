/**
 * Actors set aside: a key that keeps failing, or that fails on a message it must take, gets no more
 * turns until an operator releases it. Messages it must take wait here durably; nothing is lost.
 *
 * Q1. A quarantined key blocks no other key.
 * Q2. Its waiting messages are handled in their order, before anything new; calls are new (X5).
 */
import type { Address } from '../actor/address.js'
import { limits } from '../limits.js'

/** What waits for a quarantined actor: a message or a timer's command that must be applied. */
export interface WaitingCommand {
  readonly command: string
  readonly input: unknown
}

export interface QuarantineEntry {
  readonly address: Address
  readonly since: number
  readonly reason: string
  readonly waiting: WaitingCommand[]
}

export class Quarantine {
  private readonly entries = new Map<Address, QuarantineEntry>()
  /** Throws in a row by address, the latest last; forgotten on success and on restart. */
  private readonly failures = new Map<Address, number>()

  get size(): number {
    return this.entries.size
  }

  has(address: Address): boolean {
    return this.entries.size > 0 && this.entries.has(address)
  }

  /** @returns true when this failure is one too many */
  failed(address: Address): boolean {
    const count = (this.failures.get(address) ?? 0) + 1
    this.failures.delete(address)
    this.failures.set(address, count)
    if (this.failures.size > limits.failingActorsMax) {
      for (const longest of this.failures.keys()) {
        this.failures.delete(longest)
        break
      }
    }
    return count >= limits.failuresBeforeQuarantine
  }

  succeeded(address: Address): void {
    if (this.failures.size > 0) this.failures.delete(address)
  }

  add(address: Address, since: number, reason: string): void {
    this.failures.delete(address)
    const entry = this.entries.get(address)
    this.entries.set(address, { address, since, reason, waiting: entry?.waiting ?? [] })
  }

  park(address: Address, waiting: WaitingCommand): void {
    this.entries.get(address)!.waiting.push(waiting)
  }

  /** The command that waits longest. */
  firstWaiting(address: Address): WaitingCommand | undefined {
    return this.entries.get(address)?.waiting[0]
  }

  /** Takes the command out that waits longest. */
  unpark(address: Address): void {
    this.entries.get(address)!.waiting.shift()
  }

  release(address: Address): void {
    this.entries.delete(address)
  }

  all(): QuarantineEntry[] {
    return [...this.entries.values()]
  }

  restore(entries: readonly QuarantineEntry[]): void {
    this.entries.clear()
    for (const entry of entries) {
      this.entries.set(entry.address, { ...entry, waiting: [...entry.waiting] })
    }
  }
}
