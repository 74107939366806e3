/**
 * One node of a cluster, as far as shards go: a host whose shards come and go, each with a lane and a
 * storage of its own, and the client that asks shards wherever they are. It knows no NATS and no map;
 * whoever places shards (`cluster/`) tells it what to open and where the others are.
 *
 * SN3. A shard is served here only between a successful {@link ShardNode.open} and the first of: its
 *     hand-over, the loss of its journal, the loss of the node's membership.
 * SN4. A shard that is lost takes nothing else with it: the others go on.
 * SN5. A journal is fenced only by who may answer for it: one that is dead to the others and does not
 *     know would append behind a successor whose lease holds, and whose reads would be old from then on.
 */
import type { Address } from '../actor/address.js'
import type {
  Answered,
  CommandOptions,
  QuarantinedActor,
  ShardStatus,
  SilentPair,
} from '../actor/client.js'
import { Kinds } from '../actor/kinds.js'
import { assert } from '../assert.js'
import type { Env, TimerHandle } from '../env/env.js'
import { Fault } from '../errors.js'
import { limits } from '../limits.js'
import { KeyedHash } from '../messaging/keyed-hash.js'
import { RequestClient } from '../request-client.js'
import type { ClockGuard } from '../shard/clock-guard.js'
import type { Lane } from '../shard/lane.js'
import { answerKinds } from '../shard/requests.js'
import { formatsRead, type ShardFormats } from '../shard/formats.js'
import { ShardState } from '../shard/shard-state.js'
import { Snapshotter } from '../snapshot/snapshotter.js'
import { AnswerBatch, PeerWriter, readPeers, readRequests } from '../threads/batches.js'
import { ShardHost } from '../threads/shard-host.js'
import type { StatusOrder } from '../threads/thread-protocol.js'
import { startDueSnapshot } from './due-snapshots.js'
import { goesElsewhere, notHere, ShardReading } from './shard-reading.js'
import { peerPieces } from './peer-pieces.js'
import { nodeDefaults, type ShardNodeLinks, type ShardNodeOptions } from './shard-node-options.js'

/** This node, among places. */
export const here = 0

/** One request in this many is shown to {@link ShardNodeLinks.sampled}. */
export const sampleEvery = 64

/** A shard served here. */
interface Served {
  readonly lane: Lane
  readonly snapshotter: Snapshotter
  readonly abandon: () => void
  /** Its end in good order, once that has begun. */
  handedOver?: Promise<boolean>
}

export class ShardNode {
  /** What nodes run with where nothing else is asked for: as one on a folder. */
  static readonly defaults = nodeDefaults
  private readonly env: Env
  private readonly options: ShardNodeOptions
  private readonly links: ShardNodeLinks
  private readonly kinds: Kinds
  private readonly host: ShardHost
  private readonly requests: RequestClient
  private readonly peerWriter = new PeerWriter()
  private readonly served = new Map<number, Served>()
  private readonly bounds: { mailboxMessagesMax: number; keysMax: number; openFrameBytes: number }
  private snapshotJournalBytes: number
  private readonly formats: ShardFormats
  private taken = 0
  private readonly reading: ShardReading

  constructor(env: Env, options: ShardNodeOptions, links: ShardNodeLinks) {
    this.env = env
    this.options = options
    this.links = links
    this.kinds = new Kinds(options.actors)
    this.reading = new ShardReading(env, {
      storageOf: (shard) => links.storages.of(shard, () => links.mayAnswer()),
      empty: (shard) => this.empty(shard),
      mayAnswer: () => links.mayAnswer(),
      report: (event, detail) => links.report(event, detail),
    })
    this.snapshotJournalBytes = options.snapshotJournalBytes
    const reads = options.formats ?? formatsRead
    this.formats = { reads, writes: reads[0] }
    this.bounds = {
      mailboxMessagesMax: options.mailboxMessages,
      keysMax: options.keysPerShardMax,
      openFrameBytes: limits.openFrameBytes,
    }
    this.host = this.makeHost()
    this.requests = new RequestClient(env, {
      shards: options.shards,
      kinds: this.kinds,
      hash: new KeyedHash(Buffer.from(options.secret, 'hex')),
      requestTimeoutMs: options.requestTimeoutMs,
      keyRetentionMs: options.keyRetentionMs,
      keyTime: options.keyTime,
      requestsMax: limits.clientRequestsMax,
      placeOf: (shard) => (this.served.has(shard) ? here : links.placeOf(shard)),
      notServed: (shard) => this.reading.notServed(shard),
      isCutOff: links.isCutOff,
      send: (place, bytes) => {
        if (place === here) this.takeRequests(here, bytes)
        else links.requests(place, bytes)
      },
      lost: (place, error) => links.report('requests_lost', { place, error }),
    })
    this.host.onTick = () => {
      startDueSnapshot([...this.served.values()].map(({ snapshotter }) => snapshotter))
    }
    this.host.serve()
  }

  /** Shard time's view of the wall clock. */
  get clock(): Pick<ClockGuard, 'jumped' | 'trust'> {
    return this.host.clock
  }

  /** Shards served here. */
  get shards(): number[] {
    return [...this.served.keys()].sort((a, b) => a - b)
  }

  /** Changes bounds while it runs. */
  configure(
    bounds: Partial<Pick<ShardNodeOptions, 'mailboxMessages' | 'snapshotJournalBytes'>>,
  ): void {
    const { mailboxMessages, snapshotJournalBytes } = bounds
    if (mailboxMessages !== undefined) this.bounds.mailboxMessagesMax = mailboxMessages
    if (snapshotJournalBytes !== undefined) this.snapshotJournalBytes = snapshotJournalBytes
  }

  /** From now on frames and snapshots are written in this format. */
  useFormat(format: number): void {
    const [oldest, newest] = this.formats.reads
    assert(oldest <= format && format <= newest, 'a node writes what it reads')
    this.formats.writes = format
  }

  serves(shard: number): boolean {
    return this.served.has(shard)
  }

  shardOf(address: Address): number {
    return this.kinds.shardOf(address, this.options.shards)
  }

  /** Durable ordinals of the shards served here, by shard. */
  durableOrdinals(): ReadonlyMap<number, number> {
    return new Map(
      [...this.served].map(([shard, { lane }]) => [shard, lane.durable.get(shard) ?? 0]),
    )
  }

  /** Reads a shard ahead, while another node still serves it. @throws OpenRefused, NatsUnreachable */
  prepare(shard: number): Promise<void> {
    return this.reading.prepare(shard)
  }

  /** Forgets what was read ahead. */
  forget(shard: number): void {
    this.reading.forget(shard)
  }

  /**
   * Becomes the owner of a shard and serves it.
   * @param ordinal the newest durable ordinal anybody told of: a journal that ends before has lost something
   * @param wanted false once the shard is to be served elsewhere: then nothing is opened, or served
   * @throws OpenRefused, Fault fenced, NatsUnreachable
   */
  async open(shard: number, ordinal: number, wanted = (): boolean => true): Promise<void> {
    if (this.served.has(shard)) return
    const { state, journal: owned, snapshots, took } = await this.reading.open(shard, wanted)
    const { lane: journal, epoch, abandon } = owned
    if (state.ordinal < ordinal) {
      abandon()
      throw regressed(shard, state.ordinal, ordinal)
    }
    if (!wanted()) {
      abandon()
      throw goesElsewhere(shard)
    }
    const lane = this.host.addLane(journal, [state])
    const snapshotter = new Snapshotter(lane, {
      // One that fails is tried again: without snapshots the journal only grows.
      ...{ env: this.env, store: snapshots, epoch, triesAgain: true },
      journalBytes: () => this.snapshotJournalBytes / this.served.size,
      report: (event, detail) => {
        this.links.report(event, detail)
      },
      fail: (error) => {
        this.links.report('snapshot_failed', { shard, error })
      },
    })
    this.served.set(shard, { lane, snapshotter, abandon })
    this.host.begin(lane)
    this.links.opened(shard)
    this.links.report('shard_opened', { shard, epoch, ordinal: state.ordinal, ...took })
  }

  /**
   * Ends serving a shard in good order: no more work is taken, all that was done is durable, the
   * journal takes no more from here.
   * @returns false when the journal was lost meanwhile
   */
  handOver(shard: number): Promise<boolean> {
    const served = this.served.get(shard)
    if (served === undefined) return Promise.resolve(false)
    // A node that leaves may be asked for a shard it is giving already.
    served.handedOver ??= this.endInOrder(shard, served)
    return served.handedOver
  }

  private async endInOrder(shard: number, served: Served): Promise<boolean> {
    await this.snapshotEnds(served.snapshotter)
    const durable = await this.host.retire(served.lane)
    if (durable) {
      // Before the seal, which may wait for the journal to be cut: nothing may ask a sealed journal.
      this.host.removeLane(served.lane)
      await served.lane.journal.seal()
    }
    // It may have been dropped, and opened anew, meanwhile.
    if (this.served.get(shard) === served) this.served.delete(shard)
    return durable
  }

  /** A snapshot that its stream does not take holds no hand-over up: it goes on by itself, or fails. */
  private async snapshotEnds(snapshotter: Snapshotter): Promise<void> {
    const { timers } = this.env
    let late: TimerHandle | undefined
    const tooLate = new Promise<void>((resolve) => {
      late = timers.after(limits.snapshotEndMs, resolve)
    })
    await Promise.race([snapshotter.stop(), tooLate])
    late?.cancel()
  }

  /** Stops serving a shard at once: somebody else owns it, or nobody knows. */
  drop(shard: number): void {
    this.reading.dropped(shard)
    const served = this.served.get(shard)
    served?.abandon()
    served?.lane.fail(new Fault('fenced', notHere(shard)))
  }

  /** Another node serves a shard now: what it is owed is sent again at once. */
  openedElsewhere(shard: number): void {
    this.host.resendTo(shard)
  }

  /**
   * The map names another owner of a shard: what the last one was asked is asked again.
   * @param handedOver whether the last one gave it in good order: then it has answered everything, and
   *   only what gets lost on its way is asked again
   */
  ownerChanged(shard: number, handedOver: boolean): void {
    if (this.served.has(shard)) return
    this.requests.giveUp(shard, handedOver ? limits.answersOnTheirWayMs : 0)
  }

  command(
    address: Address,
    command: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    return this.requests.command(address, command, input, options)
  }

  query(
    address: Address,
    query: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<Answered<unknown>> {
    return this.requests.query(address, query, input, options)
  }

  /** Requests of another node's clients; what is not served here is told so. */
  takeRequests(place: number, bytes: Uint8Array): void {
    let refused: AnswerBatch | undefined
    readRequests(
      bytes,
      (shard, request) => {
        if (this.served.has(shard)) {
          if (this.taken++ % sampleEvery === 0) this.links.sampled?.(request.open().address)
          this.host.submit(shard, request)
        } else {
          refused ??= new AnswerBatch()
          const number = request.open().id % 2 ** 32
          const { code, message, lasting } = this.reading.notServed(shard)
          refused.add(number, answerKinds.fault, [code, message, lasting])
        }
      },
      place,
    )
    refused?.leave((_, answers) => {
      this.sendAnswers(place, answers)
    })
  }

  /** Answers of another node to clients of this one. */
  takeAnswers(bytes: Uint8Array): void {
    this.requests.receive(bytes)
  }

  /** Messages and acknowledgements between shards; what is not for shards served here is dropped. */
  takePeers(bytes: Uint8Array): void {
    this.host.receive(readPeers(bytes))
  }

  status(asked?: StatusOrder): Promise<ShardStatus[]> {
    return this.host.status(asked)
  }

  quarantined(): QuarantinedActor[] {
    return this.host.quarantined()
  }

  /** @returns false when the actor is not quarantined, or failed again */
  release(address: Address): Promise<boolean> {
    return this.host.releaseActor(this.shardOf(address), address)
  }

  comparePairs(): void {
    this.host.comparePairs()
  }

  silentPairs(): SilentPair[] {
    return this.host.silentPairs()
  }

  /** Writes snapshots of all shards served here. */
  async snapshot(): Promise<void> {
    for (const { snapshotter } of [...this.served.values()]) await snapshotter.snapshotAll()
  }

  /** Waits for what clients here have asked. */
  idle(): Promise<void> {
    return this.requests.idle()
  }

  /** Ends: nothing is served and nobody is answered any more. */
  close(): void {
    this.requests.end(new Fault('closed'))
    for (const shard of this.shards) this.drop(shard)
    this.host.stop()
    this.links.storages.close()
  }

  private makeHost(): ShardHost {
    const { links, options, bounds } = this
    return new ShardHost(
      this.env,
      // Lanes are of one shard here: no other one is near.
      { thread: 0, kinds: this.kinds, settings: options.settings, bounds, nearCalls: false },
      {
        answers: (place, bytes) => {
          this.sendAnswers(place, bytes)
        },
        placeOf: (shard) => links.placeOf(shard),
        peers: (place, batch) => {
          for (const piece of peerPieces(this.peerWriter, batch)) links.peers(place, piece)
        },
        report: (event, detail) => links.report(event, detail),
        laneFailed: (shards, error) => {
          for (const shard of shards) {
            this.served.delete(shard)
            links.shardLost(shard, error)
          }
        },
        fail: (error) => {
          links.fail(error)
        },
      },
    )
  }

  private sendAnswers(place: number, bytes: Uint8Array): void {
    if (place === here) this.requests.receive(bytes)
    else this.links.answers(place, bytes)
  }

  private empty(shard: number): ShardState {
    const { shards, keyRetentionMs } = this.options
    const { kinds, formats } = this
    return new ShardState({ shard, shards, kinds, keyRetentionMs, formats })
  }
}

function regressed(shard: number, found: number, known: number): Error {
  return new Fault(
    'journal_failed',
    `The journal of shard ${shard} ends at ordinal ${found}, but ${known} was durable before: the stream has lost its end. Restore the lost data.`,
  )
}
