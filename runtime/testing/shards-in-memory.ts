/**
 * All shards of a runtime in one thread, with a journal in memory and time moved by hand: for tests
 * of shards, and for users' tests of their actors' logic. Restarting replays what was durable.
 */
import type { Address } from '../actor/address.js'
import { Kinds } from '../actor/kinds.js'
import type { ActorModule } from '../actor/define-actor.js'
import { Fault } from '../errors.js'
import type { Frame, FrameDraft, JournalLane } from '../journal/journal.js'
import { KeyedHash } from '../messaging/keyed-hash.js'
import type { Lane } from '../shard/lane.js'
import { replayFrame } from '../shard/replay.js'
import { answerKinds, ShardRequest } from '../shard/requests.js'
import { ShardState } from '../shard/shard-state.js'
import { limits } from '../limits.js'
import { readAnswers } from '../threads/batches.js'
import { ShardHost } from '../threads/shard-host.js'
import { ManualEnv } from './manual-env.js'

/** How a request ended, by name. */
export interface TestAnswer {
  readonly kind: keyof typeof answerKinds
  readonly value: unknown
}

export interface TestOptions {
  readonly shards?: number
  readonly mailboxMessages?: number
  readonly keysMax?: number
  /** Each shard commits alone, as in a cluster; else all together, as on file. @default false */
  readonly lanePerShard?: boolean
  readonly settings?: Record<string, unknown>
  /** @default true */
  readonly nearCalls?: boolean
}

export class ShardsInMemory {
  readonly env = new ManualEnv()
  readonly frames: Frame[] = []
  readonly reports: { event: string; detail: Record<string, unknown> }[] = []
  readonly failures: unknown[] = []
  states: ShardState[] = []
  host!: ShardHost
  lanes: Lane[] = []
  /** While true, appends wait: nothing becomes durable. */
  holdAppends = false
  /** While true, another process owns the journal. */
  fenced = false
  readonly shards: number
  private readonly actors: ActorModule
  private readonly options: TestOptions
  private readonly hash = new KeyedHash(new Uint8Array(16).fill(7))
  private readonly answers = new Map<number, TestAnswer>()
  private held: (() => void)[] = []
  private nextId = 1

  constructor(actors: ActorModule, options: TestOptions = {}) {
    this.actors = actors
    this.options = options
    this.shards = options.shards ?? 4
    this.restart()
  }

  /** Forgets all memory and replays the journal: a crash after the last durable frame. */
  restart(): void {
    const kinds = new Kinds(this.actors)
    this.held = []
    this.states = Array.from({ length: this.shards }, (_, shard) => {
      return new ShardState({ shard, shards: this.shards, kinds, keyRetentionMs: 86_400_000 })
    })
    for (const frame of this.frames) replayFrame(this.states[frame.shard]!, frame)
    this.start(kinds)
  }

  /** Serves with states rebuilt elsewhere, such as from a snapshot. */
  start(kinds = new Kinds(this.actors)): void {
    this.host = new ShardHost(
      this.env,
      {
        thread: 0,
        kinds,
        settings: this.options.settings ?? {},
        bounds: {
          mailboxMessagesMax: this.options.mailboxMessages ?? limits.mailboxMessagesMax,
          keysMax: this.options.keysMax ?? limits.keysPerShardMax,
        },
        nearCalls: this.options.nearCalls ?? true,
      },
      {
        answers: (_origin, bytes) => {
          this.take(bytes)
        },
        placeOf: () => undefined,
        peers: () => undefined,
        report: (event, detail) => void this.reports.push({ event, detail }),
        fail: (error) => void this.failures.push(error),
      },
    )
    const states =
      this.options.lanePerShard === true ? this.states.map((one) => [one]) : [this.states]
    this.lanes = states.map((own) => this.host.addLane(this.lane(), own))
    this.host.greet()
    this.host.serve()
  }

  /** Sends a request; its answer is there once it is durable. @returns the request's number */
  submit(
    type: 'command' | 'query',
    address: Address,
    name: string,
    input?: unknown,
    key?: string,
    keyTime?: number,
  ): number {
    const id = this.nextId++
    const shard = this.states[0]!.kinds.shardOf(address, this.shards)
    let hashes: number[] | undefined
    if (key !== undefined) {
      hashes = []
      this.hash.key(address, name, key, hashes)
      this.hash.meaning(input, hashes)
      hashes.pop()
    }
    this.host.submit(
      shard,
      new ShardRequest(id, type, address, name, input, hashes, undefined, keyTime),
    )
    return id
  }

  /** The answer of a request, if it has one. */
  answerOf(id: number): TestAnswer | undefined {
    return this.answers.get(id)
  }

  async command(
    address: Address,
    name: string,
    input?: unknown,
    key?: string,
    keyTime?: number,
  ): Promise<TestAnswer | undefined> {
    const id = this.submit('command', address, name, input, key, keyTime)
    await this.settle()
    return this.answerOf(id)
  }

  async query(address: Address, name: string, input?: unknown): Promise<TestAnswer | undefined> {
    const id = this.submit('query', address, name, input)
    await this.settle()
    return this.answerOf(id)
  }

  /** Lets everything run that needs no more time than a moment. */
  async settle(): Promise<void> {
    await this.env.advance(20)
  }

  /** Lets held appends become durable. */
  async releaseAppends(): Promise<void> {
    this.holdAppends = false
    for (const release of this.held.splice(0)) release()
    await this.settle()
  }

  private lane(): JournalLane {
    const store = (frames: readonly FrameDraft[]): void => {
      for (const frame of frames) this.frames.push({ ...frame, epoch: 1 })
    }
    return {
      bytesAppended: 0,
      append: async (frames) => {
        if (this.holdAppends) await new Promise<void>((resolve) => this.held.push(resolve))
        store(frames)
      },
      isOwner: () => {
        if (this.fenced) throw new Fault('fenced')
        return true
      },
      seal: () => Promise.resolve(),
      truncate: () => Promise.resolve(),
    }
  }

  private take(bytes: Uint8Array): void {
    readAnswers(bytes, (id, kind, value) => {
      const name = Object.entries(answerKinds).find(([, number]) => number === kind)![0]
      this.answers.set(id, { kind: name as TestAnswer['kind'], value })
    })
  }
}
