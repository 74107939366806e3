/**
 * Witnesses: accounts with one writer each that deposits one unit after the other, and readers that ask
 * any node for the balance. With one writer, linearizability is exact to check:
 *
 * W1. A read shows at least what was acknowledged before it was sent, and at most what was begun before
 *     its answer came.
 * W2. A read shows no less than any read that had ended before it was sent.
 */
import { ask } from '../crash/client.js'

const currency = 'CNY'
/** ms between two reads of one witness. */
const readEveryMs = 40
/** ms a read may wait: a zombie may answer late, and must be right even then. */
const readTimeoutMs = 30_000
/** ms until a deposit is asked for again, at another node. */
const writeTimeoutMs = 3_000

export interface Staleness {
  readonly witness: string
  readonly node: string
  readonly sentence: string
}

/** Told what a witness sees. */
export interface WitnessWatch {
  /** A read showed what could not be (W1, W2). */
  stale(staleness: Staleness): void
  /** A deposit was refused for good, though nothing is wrong with it. */
  refused(sentence: string): void
  /** A read was answered, and checked. Monotonic ms. */
  read(node: string, sent: number, answered: number): void
  /** A deposit was acknowledged. */
  acknowledged(shard: number, at: number): void
}

export class Witness {
  readonly name: string
  /** Shard its account lives in. */
  readonly shard: number
  /** Requests that had to be asked again: refused for the moment, or without an answer. */
  retries = 0
  /** Deposits begun, and acknowledged. */
  begun = 0
  acknowledged = 0
  /** The largest balance any ended read has shown. */
  shown = 0
  reads = 0
  /** Monotonic ms of the newest acknowledgement of a deposit, and when that one was begun. */
  newest = { begun: 0, acknowledged: 0 }
  private readonly stopped: () => boolean
  private readonly urls: () => readonly string[]
  private readonly watch: WitnessWatch

  constructor(
    name: string,
    shard: number,
    urls: () => readonly string[],
    stopped: () => boolean,
    watch: WitnessWatch,
  ) {
    this.name = name
    this.shard = shard
    this.urls = urls
    this.stopped = stopped
    this.watch = watch
  }

  /** Opens the account; asked again until it is there. */
  async open(): Promise<void> {
    await this.until('/v1/accounts', { body: { id: this.name, currency } }, [201, 409])
  }

  /** Deposits one unit after the other. */
  async write(): Promise<void> {
    while (!this.stopped()) {
      const key = `${this.name}-${this.begun++}`
      const body = { account: this.name, amount: 1, currency }
      const begun = performance.now()
      if (!(await this.until('/v1/deposits', { body, key }, [201]))) return
      this.acknowledged++
      this.newest = { begun, acknowledged: performance.now() }
      this.watch.acknowledged(this.shard, this.newest.acknowledged)
    }
  }

  /** Reads from every node, again and again, without waiting for those that don't answer. */
  async read(): Promise<void> {
    for (let turn = 0; !this.stopped(); turn++) {
      const urls = this.urls()
      const url = urls[turn % Math.max(1, urls.length)]
      if (url !== undefined) void this.readOnce(url)
      await new Promise((resolve) => setTimeout(resolve, readEveryMs))
    }
  }

  /** One read, checked. @returns what it showed; undefined when nothing came */
  async readOnce(url: string): Promise<number | undefined> {
    const least = Math.max(this.acknowledged, this.shown)
    const sent = performance.now()
    const answer = await ask(url, `/v1/accounts/${this.name}`, undefined, readTimeoutMs)
    const most = this.begun
    if (answer?.status !== 200) return undefined
    this.reads++
    this.watch.read(url, sent, performance.now())
    const { available } = JSON.parse(answer.text) as { available: number }
    if (available < least || available > most) {
      this.watch.stale({
        witness: this.name,
        node: url,
        sentence: `${url} showed ${available} for ${this.name}, where at least ${least} and at most ${most} could be`,
      })
    }
    this.shown = Math.max(this.shown, available)
    return available
  }

  /** Asks any node until it answers with one of these. @returns false when it was stopped */
  private async until(
    path: string,
    post: { readonly body: unknown; readonly key?: string },
    statuses: readonly number[],
  ): Promise<boolean> {
    for (let turn = 0; ; turn++) {
      const urls = this.urls()
      const url = urls[(this.name.length + turn) % Math.max(1, urls.length)]
      const answer = url === undefined ? undefined : await ask(url, path, post, writeTimeoutMs)
      if (answer !== undefined && statuses.includes(answer.status)) return true
      if (answer !== undefined && answer.status < 500) {
        this.watch.refused(`${this.name} was answered ${answer.status}: ${answer.text}`)
      }
      if (this.stopped()) return false
      this.retries++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
