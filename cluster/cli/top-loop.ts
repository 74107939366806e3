/**
 * How `suanpan top` looks again and again, until it is asked to end.
 *
 * P1. It ends at once: by a key, by a signal, whatever it waits for.
 * P2. Keys are read where stdin is a terminal; elsewhere it lives without.
 * P3. While nobody answers for the cluster it says so, and goes on.
 */
import type { ClusterStatus } from '../membership/control.js'
import type { NodeVitals } from '../node/vitals.js'
import { isAway } from './cluster-waits.js'
import type { Interrupt } from './interrupt.js'
import type { Output } from './output.js'
import { problemOf } from './problem.js'
import { factsOf, screen, topViews, type Look, type TopView } from './top-screen.js'

/** The cluster, as far as it is looked at. */
export interface Looked {
  readonly cluster: string
  seen(): Promise<ClusterStatus>
  vitalsOf(node: string): Promise<NodeVitals | undefined>
}

/** Where keys come from; only a terminal has a raw mode. */
export interface Keys {
  readonly isTTY?: boolean
  setRawMode?(on: boolean): unknown
  on(event: 'data', listener: (key: Buffer) => void): unknown
  off(event: 'data', listener: (key: Buffer) => void): unknown
  pause(): unknown
}

export interface LiveOptions {
  readonly intervalMs: number
  readonly output: Output
  readonly interrupt: Pick<Interrupt, 'onRequest'>
  readonly stdin: Keys
}

/** ms between the first two looks: there is no rate before. */
const firstMs = 1_000
const clear = '\u001b[H\u001b[2J\u001b[3J'

/** Looks twice, prints, and ends. */
export async function showOnce(session: Looked, output: Output): Promise<void> {
  const before = await look(session)
  await new Promise((resolve) => setTimeout(resolve, firstMs))
  const now = await look(session)
  output.result(factsOf(before, now), () =>
    topViews.map((view) => screen(view, before, now, session.cluster)).join('\n\n'),
  )
}

/** Looks until it is asked to end. */
export async function showLive(session: Looked, options: LiveOptions): Promise<void> {
  const live = new LiveView(session, options)
  try {
    await live.run()
  } finally {
    live.dispose()
  }
}

class LiveView {
  private readonly session: Looked
  private readonly options: LiveOptions
  private readonly keys: Keys | undefined
  private readonly terminal: boolean
  private view: TopView = 'nodes'
  private before: Look | undefined
  private ended = false
  private end: () => void = () => undefined
  /** Resolves when it is asked to end. */
  private readonly asked: Promise<undefined>
  private wake: () => void = () => undefined

  constructor(session: Looked, options: LiveOptions) {
    const { output, stdin, interrupt } = options
    this.session = session
    this.options = options
    this.terminal = output.streams.stdout.isTTY === true && !output.json
    this.keys = this.terminal && stdin.isTTY === true ? stdin : undefined
    this.asked = new Promise((resolve) => {
      this.end = () => {
        this.ended = true
        resolve(undefined)
        this.wake()
      }
    })
    interrupt.onRequest(this.end)
    this.keys?.setRawMode?.(true)
    this.keys?.on('data', this.onKey)
  }

  dispose(): void {
    this.keys?.setRawMode?.(false)
    this.keys?.off('data', this.onKey)
    this.keys?.pause()
  }

  async run(): Promise<void> {
    while (!this.ended) await this.pause(await this.turn())
  }

  /** Looks once. @returns ms until the next look: soon, while there is nothing to show yet */
  private async turn(): Promise<number> {
    const { intervalMs } = this.options
    const now = await this.nextLook()
    const { before } = this
    if (now !== undefined && before !== undefined) {
      this.show(before, now)
      return intervalMs
    }
    this.before = now
    return Math.min(firstMs, intervalMs)
  }

  /** A look; undefined when it is asked to end, or when nobody answers, which is said. */
  private async nextLook(): Promise<Look | undefined> {
    const looking = look(this.session)
    // Who is asked to end does not wait for an answer, nor for a failure.
    looking.catch(() => undefined)
    try {
      return await Promise.race([looking, this.asked])
    } catch (error) {
      if (!isAway(error)) throw error
      const { code, sentence } = problemOf(error)
      const { output } = this.options
      if (this.terminal) output.say(`${clear}${sentence}`)
      else output.tell('no_status', { code, sentence }, sentence)
      return undefined
    }
  }

  private show(before: Look, now: Look): void {
    const { view, terminal } = this
    const { output, intervalMs } = this.options
    if (terminal) output.streams.stdout.write(clear)
    output.result(factsOf(before, now), () => screen(view, before, now, this.session.cluster))
    if (terminal) {
      const keys = this.keys === undefined ? 'Ctrl-C' : '1 nodes  2 shards  3 hot actors  q'
      output.say(`\n  ${keys} quit`)
    }
    // A key shows the same again at once: its rates are still those of a whole interval.
    if (now.at - before.at > intervalMs * 0.9) this.before = now
  }

  /** Until the time is over, or a key or the end comes; no timer is left behind. */
  private async pause(ms: number): Promise<void> {
    if (this.ended) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  private readonly onKey = (key: Buffer): void => {
    const typed = key.toString('latin1')
    if (typed === 'q' || typed === '\u0003') this.end()
    this.view = topViews[Number(typed) - 1] ?? this.view
    this.wake()
  }
}

async function look(session: Looked): Promise<Look> {
  const status = await session.seen()
  const asked = status.nodes
    .filter(({ state }) => state !== 'dead')
    .map(({ id }) => session.vitalsOf(id))
  const vitals = (await Promise.all(asked)).filter((one) => one !== undefined)
  return { at: performance.now(), status, vitals }
}
