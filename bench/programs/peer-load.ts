/** The part the clients of all peers share: pairs, keys, acknowledgements, orders. */
import { Acknowledged, compare, readAcknowledged, type Found } from '../harness/acknowledged.js'
import type { Integrity } from '../harness/integrity.js'
import { closedLoop, type Measured, type Slot, type Workload } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import type { Endpoint } from '../peers/server.js'
import { Pairs, Parties } from './parties.js'

/** A connected peer. */
export interface PeerClient {
  /** Makes tables and accounts. */
  fill(parties: Parties): Promise<void>
  pay(key: string, payer: number, payee: number): Promise<unknown>
  /** Payments by party as they are there now, and whether money adds up. */
  found(parties: Parties): Promise<Found & { readonly conserved: boolean }>
}

export interface PeerSetup {
  readonly endpoint: Endpoint
  readonly accounts: number
  readonly window: number
}

const seed = 20_260_101

class PeerLoad implements Workload {
  readonly parties: Parties
  readonly acknowledgements: Acknowledged
  private readonly client: PeerClient
  private readonly pairs: Pairs
  private next = 0

  constructor(client: PeerClient, accounts: number) {
    this.client = client
    this.parties = new Parties(accounts)
    this.pairs = new Pairs(this.parties, {}, seed)
    this.acknowledgements = new Acknowledged(this.parties.count)
  }

  issue(slot: Slot): Promise<unknown> {
    slot.a = this.pairs.payer()
    slot.b = this.pairs.payee(slot.a)
    return this.client.pay(`k-${this.next++}`, slot.a, slot.b)
  }

  acknowledged(slot: Slot): void {
    this.acknowledgements.paid(slot.a, slot.b)
  }

  refused(slot: Slot): void {
    this.acknowledgements.perhaps(slot.a, slot.b)
  }
}

/** Serves the orders of the peers scenario for one kind of peer. */
export function servePeer(connect: (setup: PeerSetup) => Promise<PeerClient>): void {
  let load: PeerLoad | undefined
  let client: PeerClient | undefined
  serveOrders({
    async open(setup: PeerSetup): Promise<void> {
      client = await connect(setup)
      load = new PeerLoad(client, setup.accounts)
      await client.fill(load.parties)
    },
    round: (options: { seconds: number; window: number }): Promise<Measured> =>
      closedLoop(load!, options),
    save: (path: string) => load!.acknowledgements.save(path),
    /** In a fresh process, after the server was started again. */
    async check({
      acknowledged,
      ...setup
    }: PeerSetup & { acknowledged: string }): Promise<Integrity> {
      const fresh = await connect(setup)
      const { conserved, ...found } = await fresh.found(new Parties(setup.accounts))
      const compared = compare(readAcknowledged([acknowledged]), found)
      return { ...compared, asked: 0, conserved, findings: [] }
    },
  })
}
