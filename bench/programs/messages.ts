/** A measured process: a user's own actors, asked by the client and sending to each other. */
import { performance } from 'node:perf_hooks'
import { createRuntime, type ActorClient, type Runtime } from '../../runtime/index.js'
import { seeded } from '../harness/chance.js'
import { closedLoop, type Measured, type Slot, type Workload } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import { actors, depot, type Parcel } from './parcel.js'

export interface MessagesSetup {
  readonly dataDir: string
  readonly threads: number
  readonly shards: number
  readonly actors: number
}

export interface MessagesRound {
  readonly seconds: number
  readonly window: number
  /** Messages an asked actor sends on; 0 asks only. */
  readonly fanOut: number
}

class Messages implements Workload {
  readonly runtime: Runtime
  readonly depots: readonly ActorClient<typeof depot>[]
  /** By depot: messages it must have taken, and those that got no answer. */
  readonly expected: Int32Array
  refusals = 0
  private readonly chance = seeded(7)
  private fanOut = 0
  private next = 0

  constructor(runtime: Runtime, count: number) {
    this.runtime = runtime
    this.depots = Array.from({ length: count }, (_, i) => runtime.actor(depot, `d${i}`))
    this.expected = new Int32Array(count)
  }

  begin(fanOut: number): void {
    this.fanOut = fanOut
  }

  issue(slot: Slot): Promise<unknown> {
    slot.a = this.pick()
    slot.b = this.next++
    const parcel = parcelOf(slot.b)
    if (this.fanOut === 0) return this.depots[slot.a]!.take(parcel)
    const to = Array.from({ length: this.fanOut }, () => this.pick())
    for (const one of to) this.expected[one] = this.expected[one]! + 1
    return this.depots[slot.a]!.forward({ to: to.map((one) => `d${one}`), parcel })
  }

  acknowledged(slot: Slot): void {
    if (this.fanOut === 0) this.expected[slot.a] = this.expected[slot.a]! + 1
  }

  refused(): void {
    this.refusals++
  }

  /** Waits until everything sent has been applied. */
  async drained(): Promise<void> {
    for (;;) {
      const status = await this.runtime.shardStatus({ tallies: false })
      if (status.every(({ outboxMessages }) => outboxMessages === 0)) return
    }
  }

  private pick(): number {
    return Math.floor(this.chance() * this.depots.length)
  }
}

function parcelOf(number: number): Parcel {
  return {
    sender: { name: `Depot worker ${number % 100}`, city: '杭州' },
    items: [
      { sku: `sku-${number % 1_000}`, quantity: 2 },
      { sku: 'fragile-glass', quantity: 1 },
    ],
    note: `parcel ${number}, ring twice`,
  }
}

let running: Messages | undefined

async function open(setup: MessagesSetup): Promise<unknown> {
  const { dataDir, threads, shards } = setup
  const runtime = await createRuntime({ dataDir, threads, shards, actors })
  running = new Messages(runtime, setup.actors)
  return { threads: runtime.threads }
}

async function round({ seconds, window, fanOut }: MessagesRound): Promise<Measured> {
  running!.begin(fanOut)
  const startedAt = performance.now()
  const measured = await closedLoop(running!, { seconds, window })
  if (fanOut === 0) return measured
  await running!.drained()
  // What counts is the message that arrived, and the time until the last one did.
  const completed = measured.completed * fanOut
  return { ...measured, completed, seconds: (performance.now() - startedAt) / 1000 }
}

serveOrders({
  open,
  round,
  async close(): Promise<number[]> {
    await running!.runtime.close()
    return [...running!.expected]
  },
  /** In a fresh process: what each actor has taken. */
  async counts({ depots, ...setup }: Omit<MessagesSetup, 'actors'> & { depots: number }) {
    const runtime = await createRuntime({ ...setup, actors })
    const found: number[] = []
    for (let i = 0; i < depots; i++) found.push(await runtime.actor(depot, `d${i}`).count())
    await runtime.close()
    return found
  },
})
