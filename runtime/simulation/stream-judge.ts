/**
 * Holds what clients of a cluster heard against what its streams hold: names the request behind every
 * committed turn, and lets the oracles judge.
 */
import type { ShardStatus, SilentPair } from '../actor/client.js'
import { Kinds } from '../actor/kinds.js'
import { KeyedHash } from '../messaging/keyed-hash.js'
import { guardedOracle } from './guarded-oracle.js'
import type { WrittenFrame } from './history.js'
import type { SimulatedNatsService } from './nats/service.js'
import type { Oracle, OracleFactory } from './oracle.js'
import { runtimeOracles } from './oracles/runtime-oracles.js'
import { readBack } from './read-back.js'
import { hashesOf, turnView } from './run-facts.js'
import { StreamHistory, type StreamHistoryOptions } from './stream-history.js'
import type { Operation, Workload } from './workload.js'

export interface StreamJudgeOptions extends Omit<StreamHistoryOptions, 'kinds' | 'onFrame'> {
  readonly seed: number
  readonly service: SimulatedNatsService
  readonly workload: Workload
  /** Judges beside the kit's own. */
  readonly oracles: readonly OracleFactory[]
}

/** What is known at the end of a run. */
export interface StreamEnd {
  readonly operations: readonly Operation[]
  readonly status: readonly ShardStatus[]
  readonly silentPairs: readonly SilentPair[]
}

export class StreamJudge {
  private readonly options: StreamJudgeOptions
  private readonly kinds: Kinds
  private readonly history: StreamHistory
  private readonly oracles: readonly Oracle[]
  private hash: KeyedHash | undefined
  /** First attempt by the hashes of its key and meaning. */
  private readonly byHashes = new Map<string, Operation>()
  private readonly hashesOf = new WeakMap<Operation, number[]>()

  constructor(options: StreamJudgeOptions) {
    this.options = options
    const { seed, shards, workload, violation, sometimes, oracles } = options
    this.kinds = new Kinds(workload.actors)
    const { passingRefusals = new Set<string>() } = workload
    const scope = { seed, shards, passingRefusals, violation, sometimes }
    this.oracles = [...runtimeOracles, ...oracles].map((oracle) => guardedOracle(oracle, scope))
    this.history = new StreamHistory({
      ...options,
      kinds: this.kinds,
      onFrame: (frame) => {
        this.committed(frame)
      },
    })
  }

  /** @param secret of the cluster's key hashes, hex */
  invoked(operation: Operation, secret: string): void {
    const { address, name, input, key, type } = operation.request
    if (key !== undefined && type === 'command') {
      this.hash ??= new KeyedHash(Buffer.from(secret, 'hex'))
      const hashes = hashesOf(this.hash, address, name, key, input)
      this.hashesOf.set(operation, hashes)
      if (!this.byHashes.has(hashes.join())) this.byHashes.set(hashes.join(), operation)
    }
    for (const oracle of this.oracles) oracle.invoked?.(operation)
  }

  completed(operation: Operation): void {
    const { result } = operation
    const hashes = this.hashesOf.get(operation)
    if (result?.type === 'fault') this.options.sometimes(`fault ${result.code}`)
    else if (hashes !== undefined && result?.type === 'answered') {
      const { address, name, key } = operation.request
      this.history.sawAnswer(hashes, `${address}.${name} ${key ?? ''}`)
      if (result.replayed) this.options.sometimes('key known')
    }
    for (const oracle of this.oracles) oracle.completed?.(operation)
  }

  /** A batch of messages left for another node. */
  sawPeers(bytes: Uint8Array): void {
    this.history.sawPeers(bytes)
  }

  /** Judges what holds whatever failed. */
  async finish(): Promise<void> {
    await this.history.finish()
  }

  /** Judges what holds when everything was healed and had its time. */
  finished(end: StreamEnd): void {
    const read = readBack(this.kinds, this.history.model)
    for (const oracle of this.oracles) oracle.finished?.({ ...end, ...read })
  }

  private committed(frame: WrittenFrame): void {
    const { shard, firstOrdinal } = frame
    const turns = frame.turns.map((turn, i) => {
      if (turn.cause.type === 'message') this.options.sometimes('message applied')
      const operation = turn.key && this.byHashes.get(turn.key.hashes.join())
      return turnView(shard, firstOrdinal + i, turn, operation)
    })
    const view = { ...frame, turns }
    for (const oracle of this.oracles) oracle.committed?.(view)
  }
}
