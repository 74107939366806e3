/**
 * Links between simulated threads: batches take time and may be lost, repeated, delayed, overtaken,
 * or meet a partition. A link to the client keeps order, but may lose what nobody waits for any more.
 */
import type { Link } from '../../transport/index.js'
import type { FaultCounts, FaultKind } from './faults.js'
import type { Kernel, Owner } from './kernel.js'
import type { Random } from './random.js'

/** Chances of the faults of a network. */
export interface NetworkWeather {
  readonly latencyMs: number
  loss: number
  duplicate: number
  delay: number
  reorder: number
  /** Chance that a batch of answers to the client is lost. */
  answerLoss: number
}

/** What all links of a run share. */
export interface Network {
  readonly kernel: Kernel
  readonly weather: NetworkWeather
  readonly counts: FaultCounts
  /** Draws of the network only. */
  readonly random: Random
}

type Receive = (bytes: Uint8Array) => void

/** One direction of a link. */
class Direction {
  receive: Receive | undefined
  /** The partition that cuts it off, if any. */
  cut: FaultKind | undefined
  private lastArrival = 0
  private sent = 0
  /** Number of the newest batch that has arrived. */
  private newest = 0
  private waiting: Uint8Array[] = []

  constructor(
    private readonly network: Network,
    private readonly owner: Owner,
    private readonly toClient: boolean | undefined,
  ) {}

  send(bytes: Uint8Array): void {
    const { kernel, random, weather, counts } = this.network
    const copy = Buffer.from(bytes)
    kernel.note('send', copy)
    const latency = random.exponential(weather.latencyMs)
    this.sent++
    if (this.toClient !== undefined) {
      if (this.toClient && random.chance(weather.answerLoss)) counts.add('answer_loss')
      else this.inOrder(copy, latency)
      return
    }
    if (this.cut !== undefined) {
      counts.add(this.cut)
      return
    }
    if (random.chance(weather.loss)) {
      counts.add('message_loss')
      return
    }
    if (random.chance(weather.duplicate)) {
      this.arrive(copy, latency + random.exponential(weather.latencyMs * 20), 'message_duplicate')
    }
    if (random.chance(weather.delay)) {
      this.arrive(copy, latency + random.exponential(200), 'message_delay')
    } else if (random.chance(weather.reorder)) {
      this.arrive(copy, latency + random.exponential(weather.latencyMs * 5), 'message_reorder')
    } else this.inOrder(copy, latency)
  }

  /** What came before somebody listened. */
  listen(receive: Receive): void {
    this.receive = receive
    for (const bytes of this.waiting.splice(0)) this.arrive(bytes, 0)
  }

  private inOrder(bytes: Uint8Array, latency: number): void {
    const { kernel } = this.network
    this.lastArrival = Math.max(this.lastArrival, kernel.now + latency)
    this.arrive(bytes, this.lastArrival - kernel.now)
  }

  private arrive(bytes: Uint8Array, delayMs: number, fault?: FaultKind): void {
    const number = this.sent
    this.network.kernel.after(
      delayMs,
      () => {
        // Reordered is what a later batch has overtaken.
        const bit = fault !== 'message_reorder' || number < this.newest
        if (fault !== undefined && bit) this.network.counts.add(fault)
        this.newest = Math.max(this.newest, number)
        if (this.receive === undefined) this.waiting.push(bytes)
        else this.receive(bytes)
      },
      this.owner,
      // Shard threads only queue what arrives; a client settles promises.
      this.toClient === true,
    )
  }
}

class End implements Link {
  constructor(
    private readonly out: Direction,
    private readonly back: Direction,
    private readonly onSend: Receive,
  ) {}

  send(bytes: Uint8Array): void {
    this.onSend(bytes)
    this.out.send(bytes)
  }

  onBatch(receive: Receive): void {
    this.back.listen(receive)
  }

  close(): void {
    this.back.receive = () => undefined
  }
}

/** A link between two threads of a process. */
export interface PeerPair {
  readonly ends: readonly [Link, Link]
  /** Cuts or mends one direction (0 from the first to the second end) or both. */
  cut(direction: 0 | 1 | 'both', partition: FaultKind | undefined): void
}

/** @param onSend told of everything that leaves */
export function peerPair(network: Network, owner: Owner, onSend: Receive): PeerPair {
  const there = new Direction(network, owner, undefined)
  const back = new Direction(network, owner, undefined)
  return {
    ends: [new End(there, back, onSend), new End(back, there, onSend)],
    cut: (direction, partition) => {
      if (direction !== 1) there.cut = partition
      if (direction !== 0) back.cut = partition
    },
  }
}

/** A link between the client and a thread. @returns the client's end, the thread's end */
export function clientPair(network: Network, owner: Owner, onAnswers: Receive): [Link, Link] {
  const requests = new Direction(network, owner, false)
  const answers = new Direction(network, owner, true)
  const nothing = (): void => undefined
  return [new End(requests, answers, nothing), new End(answers, requests, onAnswers)]
}
