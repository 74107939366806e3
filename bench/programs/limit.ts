/**
 * A measured process: the hand-written program, the limit to close in on. One shard, one Map of
 * accounts, fixed 40-byte records, one promise per payment, group commit with fdatasync, two buffers.
 * No actors, names, keys that are remembered, history, second shard, audit or recovery.
 *
 *   0          8        12       16        24        32     40
 *   ┌──────────┬────────┬────────┬─────────┬─────────┬──────┐
 *   │ sequence │ payer  │ payee  │ amount  │ key     │ time │
 *   └──────────┴────────┴────────┴─────────┴─────────┴──────┘
 */
import fs from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Acknowledged, amountEach, compare, readAcknowledged } from '../harness/acknowledged.js'
import { closedLoop, type Measured, type Slot, type Workload } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import type { PaymentsRound } from './payments.js'
import { Pairs, Parties } from './parties.js'

export const recordBytes = 40
const bufferRecords = 65_536
/** Records that don't wait for more. */
const groupRecords = 4_096
const seed = 20_260_101

interface Account {
  readonly party: number
  balance: number
}

type Resolve = (answer: unknown) => void

/** Fills one buffer while the other is written and synced. */
class GroupCommit {
  private readonly descriptor: number
  private filling = Buffer.alloc(bufferRecords * recordBytes)
  private writing = Buffer.alloc(bufferRecords * recordBytes)
  private waiting: Resolve[] = []
  private acknowledging: Resolve[] = []
  private at = 0
  private busy = false
  sequence = 0

  constructor(descriptor: number) {
    this.descriptor = descriptor
  }

  append(payer: number, payee: number, amount: number, key: number, resolve: Resolve): void {
    if (this.waiting.length === bufferRecords) throw new Error('more at work than a buffer holds')
    const { filling } = this
    const at = this.waiting.length * recordBytes
    filling.writeDoubleLE(++this.sequence, at)
    filling.writeUInt32LE(payer, at + 8)
    filling.writeUInt32LE(payee, at + 12)
    filling.writeDoubleLE(amount, at + 16)
    filling.writeDoubleLE(key, at + 24)
    filling.writeDoubleLE(performance.now(), at + 32)
    this.waiting.push(resolve)
    if (this.busy) return
    // A full group leaves at once, so that the disk works while the next one fills; what is less waits
    // for what else this turn of the event loop brings.
    if (this.waiting.length >= groupRecords) this.flush()
    else if (this.waiting.length === 1) setImmediate(() => this.flush())
  }

  private flush(): void {
    if (this.busy || this.waiting.length === 0) return
    this.busy = true
    const group = this.waiting
    this.waiting = this.acknowledging
    this.acknowledging = group
    ;[this.filling, this.writing] = [this.writing, this.filling]
    const length = group.length * recordBytes
    fs.write(this.descriptor, this.writing, 0, length, this.at, (error, written) => {
      if (error !== null || written !== length) throw error ?? new Error('short write')
      this.at += length
      fs.fdatasync(this.descriptor, (failed) => {
        if (failed !== null) throw failed
        for (const resolve of group) resolve(undefined)
        group.length = 0
        this.busy = false
        this.flush()
      })
    })
  }
}

class Limit implements Workload {
  readonly parties: Parties
  readonly acknowledgements: Acknowledged
  private readonly accounts = new Map<string, Account>()
  private readonly commit: GroupCommit
  private pairs: Pairs | undefined
  private next = 0

  constructor(parties: Parties, descriptor: number) {
    this.parties = parties
    this.acknowledgements = new Acknowledged(parties.count)
    this.commit = new GroupCommit(descriptor)
    parties.addresses.forEach((address, party) => {
      this.accounts.set(address, { party, balance: 1e12 })
    })
  }

  begin(pairs: Pairs): void {
    this.pairs = pairs
  }

  issue(slot: Slot): Promise<unknown> {
    slot.a = this.pairs!.payer()
    slot.b = this.pairs!.payee(slot.a)
    const { addresses } = this.parties
    return this.pay(addresses[slot.a]!, addresses[slot.b]!, amountEach, this.next++)
  }

  acknowledged(slot: Slot): void {
    this.acknowledgements.paid(slot.a, slot.b)
  }

  refused(_slot: Slot, error: unknown): void {
    throw error
  }

  private pay(payer: string, payee: string, amount: number, key: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const from = this.accounts.get(payer)
      const to = this.accounts.get(payee)
      if (from === undefined || to === undefined || from.balance < amount) {
        reject(new Error('refused'))
        return
      }
      from.balance -= amount
      to.balance += amount
      this.commit.append(from.party, to.party, amount, key, resolve)
    })
  }
}

let running: Limit | undefined

serveOrders({
  open({ file, accounts }: { file: string; accounts: number }): void {
    running = new Limit(new Parties(accounts), fs.openSync(file, 'wx'))
  },
  round({ seconds, pattern, window = 1 }: PaymentsRound): Promise<Measured> {
    running!.begin(new Pairs(running!.parties, pattern, seed))
    return closedLoop(running!, { seconds, window })
  },
  save: (path: string) => running!.acknowledgements.save(path),
  /** Reads the records of an earlier process back: it recovers nothing, but lost records would show. */
  check({ file, acknowledged }: { file: string; acknowledged: string }) {
    const expected = readAcknowledged([acknowledged])
    const paid = new Float64Array(expected.paid.length)
    const received = new Float64Array(expected.paid.length)
    const bytes = Buffer.alloc(bufferRecords * recordBytes)
    const descriptor = fs.openSync(file, 'r')
    let dense = true
    let sequence = 0
    for (let read = -1; read !== 0;) {
      read = fs.readSync(descriptor, bytes, 0, bytes.length, null)
      for (let at = 0; at + recordBytes <= read; at += recordBytes) {
        dense &&= bytes.readDoubleLE(at) === ++sequence
        const payer = bytes.readUInt32LE(at + 8)
        const payee = bytes.readUInt32LE(at + 12)
        paid[payer] = paid[payer]! + 1
        received[payee] = received[payee]! + 1
      }
    }
    const findings = dense ? [] : ['The records are not dense.']
    return { ...compare(expected, { paid, received }), asked: 0, conserved: dense, findings }
  },
})
