/**
 * The campaign: lives of a real node on one data folder, each under load, each ended by a fault, each
 * followed by a start that is checked against the log kept outside.
 *
 * X1. Every life ends by death. One that ends by itself must have met an error of the disk, or a
 *     successor: then it says why in one sentence and exits with 1.
 * X2. A life that begins with a fault may end before the checks of the last one are done: they stay due.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AcknowledgementLog } from './acknowledgements.js'
import { Checks, type Violation } from './checks.js'
import { drawFault, nameOf, type Fault, type SyscallFault } from './faults.js'
import { Load } from './load.js'
import { NodeProcess, type NodeEnd } from './node-process.js'

/** What a campaign has done so far; plain numbers, so that results can be added up. */
export interface Tally {
  /** Processes that died of SIGKILL. */
  kills: number
  starts: number
  /** By name: faults that struck. */
  faults: Record<string, number>
  acknowledged: number
  unknown: number
  lost: number
  doubled: number
  /** Everything that was found wrong, lost and doubled included. */
  violations: number
  /** Folders read offline and found whole. */
  verified: number
}

export interface CampaignOptions {
  /** The compiled command line to run. */
  readonly main: string
  /** An empty folder for data and logs. */
  readonly folder: string
  readonly chance: () => number
  /** The faults of each life; drawn by chance where there are none left. */
  readonly script?: Iterator<Fault, undefined>
  onLife(tally: Tally, fault: Fault): void
  onViolation(violation: Violation): void
}

/** A folder is verified and left for a new one after so many lives. */
const livesOfFolder = 40
/** A node that stopped answering has this long to end by itself. */
const endMs = 5_000
/** No life takes nearly as long: one that does hangs. */
const lifeMs = 90_000
/** Offline checks of a folder as a crash left it. */
const livesBetweenVerifies = 10

export class Campaign {
  readonly tally: Tally = {
    ...{ kills: 0, starts: 0, faults: {}, acknowledged: 0, unknown: 0 },
    ...{ lost: 0, doubled: 0, violations: 0, verified: 0 },
  }
  private readonly options: CampaignOptions
  private readonly chance: () => number
  private folders = 0
  /** How long a start takes, ms; learned. */
  private startMs = 700

  constructor(options: CampaignOptions) {
    this.options = options
    this.chance = options.chance
  }

  /** Runs until so many kills were made, or asked to stop. */
  async run(kills: number, stopped: () => boolean = () => false): Promise<Tally> {
    while (this.tally.kills < kills && !stopped()) await this.runFolder(kills, stopped)
    return this.tally
  }

  private async runFolder(kills: number, stopped: () => boolean): Promise<void> {
    const data = join(this.options.folder, `data-${++this.folders}`)
    const life = new FolderLife(this.options, this.tally, data, this.startMs, (violation) => {
      this.report(violation)
    })
    await life.begin()
    for (let lives = 1; lives <= livesOfFolder; lives++) {
      if (this.tally.kills >= kills || stopped()) break
      const fault = this.options.script?.next().value ?? drawFault(this.chance, life.segmentPaths())
      await life.runOnce(fault)
      if (lives % livesBetweenVerifies === 0) life.verify()
      this.options.onLife(this.tally, fault)
    }
    await life.end()
    this.startMs = life.startMs
    rmSync(data, { recursive: true, force: true })
  }

  private report(violation: Violation): void {
    this.tally.violations++
    if (violation.type === 'lost') this.tally.lost++
    if (violation.type === 'doubled') this.tally.doubled++
    this.options.onViolation(violation)
  }
}

/** The lives of one data folder. */
class FolderLife {
  startMs: number
  private readonly options: CampaignOptions
  private readonly tally: Tally
  private readonly data: string
  private readonly report: (violation: Violation) => void
  private readonly log = new AcknowledgementLog()
  private readonly load: Load
  private readonly checks: Checks
  private readonly straceLog: string
  private opened = false
  private counted = { known: 0, unknown: 0 }

  constructor(
    options: CampaignOptions,
    tally: Tally,
    data: string,
    startMs: number,
    report: (violation: Violation) => void,
  ) {
    this.options = options
    this.tally = tally
    this.data = data
    this.startMs = startMs
    this.report = report
    this.straceLog = join(options.folder, 'strace.log')
    this.load = new Load(this.log, options.chance, 'k')
    this.checks = new Checks(this.log, this.load, options.chance, report)
  }

  /** Opens the accounts in a life that ends cleanly. */
  async begin(): Promise<void> {
    const node = this.start({ type: 'kill' })
    const url = await this.listening(node)
    if (url !== undefined) this.opened = await this.load.open(url)
    if (!this.opened) this.report({ type: 'bad_end', sentence: 'A new node took no accounts.' })
    await this.stop(node)
  }

  /** A last start, checked, closed cleanly and verified. */
  async end(): Promise<void> {
    const node = this.start({ type: 'kill' })
    const url = await this.listening(node)
    if (url === undefined || !(await this.checks.run(url))) {
      const { stderr } = await this.stop(node)
      this.report({ type: 'bad_end', sentence: `A node without a fault ended: ${stderr}` })
    } else {
      const { code, stderr } = await this.stop(node)
      if (code !== 0) this.report({ type: 'bad_end', sentence: `No clean end: ${code} ${stderr}` })
    }
    this.verify()
    this.count()
  }

  /** Segments the next epochs will make beside their first one. */
  segmentPaths(): string[] {
    const epoch = this.epoch() + 1
    const names = [1, 2].map(
      (index) =>
        `${String(epoch).padStart(10, '0')}-00000-${String(index).padStart(8, '0')}.seg.tmp`,
    )
    return names.map((name) => join(this.data, 'journal', name))
  }

  async runOnce(fault: Fault): Promise<void> {
    rmSync(this.straceLog, { force: true })
    const node = this.start(fault)
    if (fault.type === 'kill_during_start') {
      await pause(this.options.chance() * this.startMs)
    } else {
      const url = await this.listening(node)
      if (url !== undefined && (await this.checks.run(url))) {
        await (fault.type === 'pause' ? this.succeed(node, url) : this.work(node, url, fault))
      } else if (url !== undefined) {
        // It stopped answering, so it is about to end by itself.
        await Promise.race([node.ended, pause(endMs)])
      }
    }
    node.signal('SIGKILL')
    this.judge(fault, await node.ended)
    this.count()
  }

  /** Load until the node ends by its fault, or for a moment and a kill. */
  private async work(node: NodeProcess, url: string, fault: Fault): Promise<void> {
    let stopped = false
    const load = this.load.run(url, () => stopped)
    const failed = load.then(() => Promise.race([node.ended, pause(endMs)]))
    // A fault of a script is waited for; one that was drawn may come too late for its life.
    const isDue = this.options.script !== undefined && fault.type === 'syscall'
    if (isDue && fault.strike !== 'SLOW') await failed
    else await Promise.race([pause(30 + this.options.chance() * 300), failed])
    node.signal('SIGKILL')
    await node.ended
    stopped = true
    await load
  }

  /** Pauses the owner, lets another succeed it, and wakes it up: it must not acknowledge any more. */
  private async succeed(node: NodeProcess, url: string): Promise<void> {
    let stopped = false
    const load = this.load.run(url, () => stopped)
    await pause(30 + this.options.chance() * 100)
    node.signal('SIGSTOP')
    const successor = this.start({ type: 'kill' })
    const next = await this.listening(successor)
    stopped = true
    const late = this.sendLate(url)
    node.signal('SIGCONT')
    if (await late) {
      this.report({ type: 'acknowledged_late', sentence: 'A succeeded owner acknowledged.' })
    }
    await load
    const end = await node.ended
    if (end.code !== 1 || codeOf(end) !== 'fenced') {
      const sentence = `A succeeded owner ended with ${end.code}, ${end.signal}: ${end.stderr}`
      this.report({ type: 'bad_end', sentence })
    }
    if (next !== undefined && (await this.checks.run(next)))
      await this.work(successor, next, { type: 'kill' })
    successor.signal('SIGKILL')
    this.judge({ type: 'kill' }, await successor.ended)
  }

  /** Asks an owner that has been succeeded for a payment. @returns true when it acknowledged it */
  private async sendLate(url: string): Promise<boolean> {
    return this.load.send(url, this.load.one())
  }

  /** Adds what was asked since the last time to the tally. */
  private count(): void {
    const { known, everUnknown } = this.log
    this.tally.acknowledged += known.length - this.counted.known
    this.tally.unknown += everUnknown - this.counted.unknown
    this.counted = { known: known.length, unknown: everUnknown }
  }

  private judge(fault: Fault, end: NodeEnd): void {
    if (end.signal === 'SIGKILL') this.tally.kills++
    const struck = fault.type !== 'syscall' || this.hasStruck(fault)
    const name = struck ? nameOf(fault) : 'kill'
    this.tally.faults[name] = (this.tally.faults[name] ?? 0) + 1
    if (end.signal === 'SIGKILL' || fault.type === 'pause') return
    const isError =
      fault.type === 'syscall' && (fault.strike === 'EIO' || fault.strike === 'ENOSPC') && struck
    if (isError && end.code === 1 && codeOf(end) !== undefined) return
    this.report({
      type: 'bad_end',
      sentence: `${name}: the node ended with code ${end.code}, signal ${end.signal}, saying: ${end.stderr}`,
    })
  }

  private hasStruck({ call, strike, at }: SyscallFault): boolean {
    if (!existsSync(this.straceLog)) return false
    const log = readFileSync(this.straceLog, 'latin1')
    if (strike === 'EIO' || strike === 'ENOSPC') return log.includes('INJECTED')
    // Each call met is a line that begins with its thread: each thread's calls are counted for themselves.
    const calls = new Map<string, number>()
    for (const [, thread = ''] of log.matchAll(new RegExp(`^(\\d+) +${call}\\(`, 'gm')))
      calls.set(thread, (calls.get(thread) ?? 0) + 1)
    return Math.max(0, ...calls.values()) >= at
  }

  /** Reads the folder offline, as it is. */
  verify(): void {
    const words = [this.options.main, 'verify', '--data', this.data, '--json']
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    if (status === 0 && stdout.includes('"conserved":true')) this.tally.verified++
    else this.report({ type: 'not_conserved', sentence: `verify: ${stdout}${stderr}` })
  }

  private start(fault: Fault): NodeProcess {
    this.tally.starts++
    const node = new NodeProcess({
      main: this.options.main,
      data: this.data,
      threads: 1 + (this.tally.starts % 2),
      straceLog: this.straceLog,
      ...(fault.type === 'syscall' ? { fault } : {}),
    })
    const watch = setTimeout(() => {
      this.report({
        type: 'bad_end',
        sentence: `${nameOf(fault)}: a node neither served nor ended.`,
      })
      node.signal('SIGCONT')
      node.signal('SIGKILL')
    }, lifeMs)
    void node.ended.then(() => clearTimeout(watch))
    return node
  }

  private async listening(node: NodeProcess): Promise<string | undefined> {
    const from = performance.now()
    const url = await node.listening
    if (url !== undefined) this.startMs = (this.startMs * 3 + performance.now() - from) / 4
    return url
  }

  private stop(node: NodeProcess): Promise<NodeEnd> {
    node.signal('SIGTERM')
    return node.ended
  }

  /** The newest epoch of the folder, by its files. */
  private epoch(): number {
    const names = readdirSync(join(this.data, 'epochs'))
    return Math.max(0, ...names.map((name) => Number.parseInt(name, 10)))
  }
}

/** The code a node ended with, when it said so in one sentence and nothing else. */
function codeOf({ stderr }: NodeEnd): string | undefined {
  return /^\{"error":\{"code":"([a-z_]+)","message":"[^\n]+\}\}\n$/.exec(stderr)?.[1]
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
