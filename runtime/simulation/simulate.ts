/**
 * One run of a simulation, from its seed to its verdict: a stormy phase in which anything may fail,
 * then a calm one in which everything must converge, then the disk is read back and judged.
 */
import type { ShardStatus, SilentPair } from '../actor/client.js'
import { Kinds } from '../actor/kinds.js'
import { Fault } from '../errors.js'
import type { JournalFolder } from '../journal/file/index.js'
import { KeyedHash } from '../messaging/keyed-hash.js'
import { judgeBackup } from './backup-judge.js'
import { Clients } from './clients.js'
import { damageKinds, tryDamage, type DamageKind } from './damage.js'
import type { FaultKind } from './faults.js'
import { guardedOracle } from './guarded-oracle.js'
import { History, type WrittenFrame } from './history.js'
import type { SimulatedNode } from './node.js'
import type { Oracle, OracleFactory } from './oracle.js'
import { runtimeOracles } from './oracles/runtime-oracles.js'
import { Random } from './random.js'
import { readBack } from './read-back.js'
import { hashesOf, owedSentence, turnView } from './run-facts.js'
import { planOf, type Plan } from './swarm.js'
import { dataDir, World } from './world.js'
import type { Operation, Workload, WorkloadRun } from './workload.js'

/** What to simulate. */
export interface SimulateOptions {
  readonly seed: number
  readonly workload: Workload
  /** Judges beside the kit's own. */
  readonly oracles?: readonly OracleFactory[]
  /** A short load, whatever the seed has. @default false */
  readonly short?: boolean
  /** Overrides parts of the plan the seed gives. */
  readonly plan?: Partial<Plan>
  /** Takes the lines of a readable trace. */
  readonly onLine?: (line: string) => void
}

/** How a run ended. */
export interface RunResult<Kind extends string = FaultKind> {
  readonly seed: number
  /** Rolling hash of everything that happened: the same for the same seed. */
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly operations: number
  readonly faults: Partial<Record<Kind, number>>
  readonly sometimes: Readonly<Record<string, number>>
  /** Sentences; empty when all is well. */
  readonly violations: readonly string[]
}

/** ms of virtual time the stormy phase may last, and what convergence may take after it. */
const stormMs = 60_000
const calmMs = 120_000
/** Some ticks of a node: what is due by then happens. */
const ticksMs = 200
const violationsMax = 10

/** Runs one seed. */
export async function simulate(options: SimulateOptions): Promise<RunResult> {
  const run = new Run(options)
  await run.all()
  return run.result()
}

class Stuck extends Error {}

class Run {
  private readonly plan: Plan
  private readonly workload: Workload
  private readonly workloadRun: WorkloadRun
  private readonly kinds: Kinds
  private readonly history: History
  private readonly world: World
  private readonly clients: Clients<SimulatedNode>
  private readonly oracles: Oracle[]
  private readonly violations: string[] = []
  private readonly sometimesCounts = new Map<string, number>()
  private readonly damageRandom: Random
  /** First attempt by the hashes of its key and meaning. */
  private readonly byHashes = new Map<string, Operation>()
  private readonly hashesOf = new WeakMap<Operation, number[]>()
  private readonly hashers = new Map<string, KeyedHash>()
  private openings = 0
  private finalSent = false
  /** Virtual ms until which all must have converged. */
  private calmUntil = Infinity
  private timersBeforeOpening = new Set<string>()

  constructor(options: SimulateOptions) {
    const { seed, workload } = options
    this.plan = { ...planOf(seed, options.short), ...options.plan }
    this.workload = workload
    this.kinds = new Kinds(workload.actors)
    this.damageRandom = new Random(seed, 'damage')
    const { plan } = this
    const violation = (sentence: string): void => this.violation(sentence)
    const sometimes = (name: string): void => this.sometimes(name)
    const { passingRefusals = new Set<string>() } = options.workload
    const scope = { seed, shards: plan.shards, passingRefusals, violation, sometimes }
    this.oracles = [...runtimeOracles, ...(options.oracles ?? [])].map((o) =>
      guardedOracle(o, scope),
    )
    const { shards, keyRetentionMs } = plan
    const onFrame = (frame: WrittenFrame): void => this.committed(frame)
    const { kinds } = this
    this.history = new History({
      shards,
      kinds,
      keyRetentionMs,
      dataDir,
      now: () => this.world.kernel.now,
      violation,
      sometimes,
      onFrame,
    })
    this.world = new World(plan, this.nodeOptions(), this.history, {
      violation,
      sometimes,
      opened: (folder) => this.opened(folder),
      gone: (node) => this.clients.lost(node),
      backedUp: (target, ordinals) => this.backedUp(target, ordinals),
      beforePowerLoss: () => this.tryDamage(this.damageRandom.pick(damageKinds), false),
    })
    this.world.kernel.onLine = options.onLine
    const route = new Random(seed, 'route')
    this.workloadRun = workload.start({
      random: new Random(seed, 'workload'),
      clients: plan.clients,
      shards,
    })
    this.clients = new Clients(this.world.kernel, this.workloadRun, new Random(seed, 'clients'), {
      ...plan,
      route: () => {
        const nodes = this.world.reachable()
        return nodes.length === 0 ? undefined : route.pick(nodes)
      },
      invoked: (operation, node) => this.invoked(operation, node),
      completed: (operation) => this.completed(operation),
    })
  }

  async all(): Promise<void> {
    const { kernel } = this.world
    kernel.say(`plan ${JSON.stringify(this.plan)}`)
    this.world.start()
    this.clients.start()
    await kernel.run(() => this.clients.finished || this.hopeless, stormMs)
    this.clients.drain()
    this.world.heal()
    try {
      await this.converge()
    } catch (error) {
      if (!(error instanceof Stuck)) throw error
      this.violation(error.message)
    }
  }

  /** So much is broken that going on tells nothing new. */
  private get hopeless(): boolean {
    return this.violations.length >= violationsMax
  }

  result(): RunResult {
    const { kernel, counts } = this.world
    return {
      seed: this.plan.seed,
      hash: kernel.hash,
      events: kernel.events,
      virtualMs: Math.round(kernel.now),
      operations: this.clients.operations.length,
      faults: counts.all(),
      sometimes: Object.fromEntries([...this.sometimesCounts].sort()),
      violations: this.violations,
    }
  }

  private nodeOptions(): ConstructorParameters<typeof World>[1] {
    const { plan, workload } = this
    return {
      dataDir,
      actors: workload.actors,
      settings: workload.settings ?? {},
      threads: plan.threads,
      nearCalls: plan.nearCalls,
      shards: plan.shards,
      segmentBytes: plan.segmentBytes,
      snapshotJournalBytes: plan.snapshotJournalBytes,
      mailboxMessages: plan.mailboxMessages,
      requestTimeoutMs: 2_000,
      keyRetentionMs: plan.keyRetentionMs,
    }
  }

  /** The calm phase: all is answered, nobody owes anything, both sides of every pair agree. */
  private async converge(): Promise<void> {
    this.calmUntil = this.world.kernel.now + calmMs
    for (;;) {
      try {
        await this.settle()
        return
      } catch (error) {
        // The one that serves may be one that was succeeded and did not know yet: another follows.
        if (!(error instanceof Fault) || error.code !== 'fenced') throw error
        this.sometimes('fenced owner')
      }
    }
  }

  private async settle(): Promise<void> {
    const { world, clients } = this
    const calm = (): boolean => clients.finished && world.sole !== undefined
    await this.reach(calm, 'clients still wait, or nobody serves')
    if (!this.finalSent) {
      this.finalSent = true
      for (const request of this.workloadRun.finalOperations?.() ?? []) clients.send(request)
    }
    await this.reach(calm, 'final operations are not answered')
    const node = world.sole!
    await this.finish('what is due', node, world.kernel.wait(ticksMs))
    let status: ShardStatus[] = []
    for (;;) {
      status = await this.finish('status', node, node.status())
      if (status.every((shard) => shard.outboxMessages === 0 && shard.mailbox === 0)) break
      if (world.kernel.now > this.calmUntil - 1_000) throw new Stuck(owedSentence(status))
      await this.finish('waiting', node, world.kernel.wait(50))
    }
    const silent = await this.finish(
      'comparing pairs',
      node,
      node.comparePairs(() => world.kernel.wait(50), 400),
    )
    status = await this.finish('status', node, node.status())
    await this.finish('snapshot', node, node.snapshot())
    await this.finish('close', node, node.close())
    await this.history.confirm(world.machine.image, world.kernel.now, undefined, false)
    this.judgeEnd(status, silent)
    for (const kind of damageKinds) await this.tryDamage(kind, true)
  }

  private async reach(done: () => boolean, what: string): Promise<void> {
    const { kernel } = this.world
    const reached = await kernel.run(() => done() || this.hopeless, this.calmUntil)
    if (!reached || this.hopeless) throw new Stuck(`no convergence: ${what}`)
  }

  /** @throws Fault fenced when the node ends meanwhile: it was succeeded and did not know yet */
  private async finish<T>(what: string, node: SimulatedNode, promise: Promise<T>): Promise<T> {
    const waiting = { over: false }
    const noted = promise.finally(() => (waiting.over = true))
    noted.catch(() => undefined)
    await this.reach(() => waiting.over || !node.process.alive, `"${what}" does not end`)
    if (!waiting.over) throw new Fault('fenced')
    return noted
  }

  private judgeEnd(status: readonly ShardStatus[], silentPairs: readonly SilentPair[]): void {
    const { model } = this.history
    const { operations } = this.clients
    const end = { operations, status, silentPairs, ...readBack(this.kinds, model) }
    for (const oracle of this.oracles) oracle.finished?.(end)
  }

  private invoked(operation: Operation, node: SimulatedNode): void {
    const { address, name, input, key, type } = operation.request
    if (key !== undefined && type === 'command') {
      const hashes = hashesOf(this.hasherOf(node), address, name, key, input)
      this.hashesOf.set(operation, hashes)
      if (!this.byHashes.has(hashes.join())) this.byHashes.set(hashes.join(), operation)
    }
    for (const oracle of this.oracles) oracle.invoked?.(operation)
  }

  private hasherOf(node: SimulatedNode): KeyedHash {
    const { secret } = node.folder.manifest
    let hasher = this.hashers.get(secret)
    if (hasher === undefined) {
      this.hashers.set(secret, (hasher = new KeyedHash(Buffer.from(secret, 'hex'))))
    }
    return hasher
  }

  private completed(operation: Operation): void {
    const { result } = operation
    const hashes = this.hashesOf.get(operation)
    if (result?.type === 'fault') this.sometimes(`fault ${result.code}`)
    else if (hashes !== undefined && result !== undefined) {
      const { address, name, key } = operation.request
      const what = `${address}.${name} ${key ?? ''}`
      if (result.type === 'answered') this.history.sawAnswer(hashes, what)
      if (result.replayed && this.openings > 1) this.sometimes('key known after a restart')
    }
    for (const oracle of this.oracles) oracle.completed?.(operation)
  }

  private opened(folder: JournalFolder): void {
    this.openings++
    const { report, plan, epoch } = folder
    if (report.tornTails.length > 0) this.sometimes('torn tail dropped')
    if (Object.values(plan.firstOrdinals).some((first) => first > 1)) {
      this.sometimes('journal behind snapshots let go')
    }
    if (this.openings > 1 && report.clean) this.sometimes('opened after a clean close')
    this.timersBeforeOpening = new Set()
    for (const { shard, outbox, timers } of this.history.model) {
      if (outbox.size > 0) this.sometimes('outbox sent again after a restart')
      for (const { id } of timers.all()) this.timersBeforeOpening.add(`${shard}:${id}`)
    }
    const recovery = {
      epoch,
      at: this.world.kernel.now,
      clean: report.clean,
      ordinals: plan.lastOrdinals,
      tornTails: report.tornTails.length,
    }
    for (const oracle of this.oracles) oracle.recovered?.(recovery)
  }

  private committed(frame: WrittenFrame): void {
    const { shard, firstOrdinal } = frame
    const turns = frame.turns.map((turn, i) => {
      const { cause, key } = turn
      if (cause.type === 'timer' && this.timersBeforeOpening.has(`${shard}:${cause.id}`)) {
        this.sometimes('timer fired after a restart')
      }
      if (cause.type === 'message') this.sometimes('message applied')
      if (turn.quarantine.some(({ type }) => type === 'park')) this.sometimes('message parked')
      const operation = key === undefined ? undefined : this.byHashes.get(key.hashes.join())
      return turnView(shard, firstOrdinal + i, turn, operation)
    })
    const view = { ...frame, turns }
    for (const oracle of this.oracles) oracle.committed?.(view)
  }

  private async tryDamage(kind: DamageKind, sealed: boolean): Promise<void> {
    const { machine, kernel, counts } = this.world
    const { shards, keyRetentionMs } = this.plan
    const scope = {
      image: machine.image,
      history: this.history,
      kinds: this.kinds,
      shards,
      dataDir,
      keyRetentionMs,
      now: kernel.now,
      random: this.damageRandom,
      counts,
      violation: (sentence: string) => this.violation(`${kind}: ${sentence}`),
    }
    const outcome = await tryDamage(scope, kind, sealed)
    kernel.say(`${kind} on a copy of the disk: ${outcome}`)
    this.sometimes(`${kind}: ${outcome}`)
  }

  private async backedUp(target: string, ordinals: readonly number[]): Promise<void> {
    const { machine, kernel } = this.world
    const { shards, keyRetentionMs } = this.plan
    const wrong = await judgeBackup({
      image: machine.image.copy(),
      now: kernel.now,
      kinds: this.kinds,
      ...{ target, ordinals, shards, keyRetentionMs },
    })
    if (wrong !== undefined) this.violation(`backups: ${wrong}`)
  }

  private violation(sentence: string): void {
    if (!this.hopeless) this.violations.push(sentence)
    this.world.kernel.say(`VIOLATION ${sentence}`)
  }

  private sometimes(name: string): void {
    this.sometimesCounts.set(name, (this.sometimesCounts.get(name) ?? 0) + 1)
  }
}
