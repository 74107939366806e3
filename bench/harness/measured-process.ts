/**
 * The harness's side of a measured process: starts it, gives orders, and makes sure that it ends.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { BenchFailed } from './bench-failed.js'
import type { OrderAnswer, OrderMessage } from './program.js'

const probe = new URL('./probe.js', import.meta.url).href
const errorCharsMax = 2_000
/**
 * As the command `suanpan` has them: what is in flight fits the young generation, so that little of it is
 * copied or promoted; and the old one is not gone through again and again because it hardly grows.
 */
const collectorFlags = ['--max-semi-space-size=64', '--heap-growing-percent=100']

export interface ProcessOptions {
  /** Further flags of Node. */
  readonly flags?: readonly string[]
}

export class MeasuredProcess {
  readonly name: string
  private readonly child: ChildProcess
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >()
  private readonly gone: Promise<void>
  private errors = ''
  private next = 1

  /** @param program path of the program below bench/, without suffix */
  constructor(name: string, program: string, options: ProcessOptions = {}) {
    this.name = name
    this.child = fork(new URL(`../${program}.js`, import.meta.url), [], {
      execArgv: [...collectorFlags, '--import', probe, ...(options.flags ?? [])],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors = (this.errors + chunk.toString('utf8')).slice(-errorCharsMax)
    })
    this.child.on('message', (answer: OrderAnswer) => {
      this.answer(answer)
    })
    this.gone = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        this.rejectAll(code, signal)
        resolve()
      })
      this.child.on('error', () => {
        this.rejectAll(null, null)
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** @throws BenchFailed when the process refuses or ends before it answers */
  order<T>(order: string, input?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const number = this.next++
      this.waiting.set(number, { resolve: resolve as (value: unknown) => void, reject })
      const message: OrderMessage = { number, order, input: input ?? null }
      this.child.send(message, (error) => {
        if (error !== null) reject(new BenchFailed(`${this.name}: ${error.message}`))
      })
    })
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.gone
  }

  private answer({ number, value, error }: OrderAnswer): void {
    const waiting = this.waiting.get(number)
    this.waiting.delete(number)
    if (error === undefined) waiting?.resolve(value)
    else {
      const code = error.code === undefined ? '' : ` (${error.code})`
      waiting?.reject(new BenchFailed(`${this.name}: ${error.message}${code}`))
    }
  }

  private rejectAll(code: number | null, signal: NodeJS.Signals | null): void {
    const how = signal === null ? `with code ${code ?? 'unknown'}` : `by ${signal}`
    const last = this.errors.trim().split('\n').slice(-6).join('\n')
    const error = new BenchFailed(`The process of ${this.name} ended ${how}. ${last}`.trim())
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }
}

/** Runs with a process that ends whatever happens. */
export async function withProcess<T>(
  process: MeasuredProcess,
  run: (process: MeasuredProcess) => Promise<T>,
): Promise<T> {
  try {
    return await run(process)
  } finally {
    await process.kill()
  }
}
