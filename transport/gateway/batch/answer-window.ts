/**
 * Answers in the order of their requests, however they come, with a bounded number at work.
 *
 * O1. Answer n leaves after answer n − 1; none is left out, none comes twice.
 * O2. At most `windowLines` requests have no answer yet, and at most `outputBytesMax` of answers wait
 *     for a slow reader; beyond either the window is full and reading stops.
 * O3. What is answered leaves when enough is there for a write, when nothing is at work that could make
 *     it more, or after `writeDelayMs`.
 * O4. A slot is used again and again, its callbacks with it: a request costs no closure.
 */

/** Where the answers go: the response. */
export interface AnswerSink {
  /** @returns false when it should not get more until `drained` */
  write(text: string): boolean
}

/** One request at work. */
export interface Slot<T> {
  /** Line of the batch, from 1. */
  line: number
  readonly done: (value: T) => void
  readonly failed: (error: unknown) => void
}

interface FilledSlot<T> extends Slot<T> {
  text: string | undefined
}

export interface AnswerWindowOptions<T> {
  readonly windowLines: number
  readonly outputBytesMax: number
  readonly writeBytes: number
  readonly writeDelayMs: number
  readonly sink: AnswerSink
  /** An answer as a line, without its line end. */
  readonly write: (value: T, line: number) => string
  readonly writeError: (error: unknown, line: number) => string
}

export class AnswerWindow<T> {
  private readonly options: AnswerWindowOptions<T>
  private readonly ring: FilledSlot<T>[] = []
  /** Number of the oldest request without an answer, and of the next request. */
  private head = 0
  private next = 0
  private output = ''
  /** True while the answers of this loop turn are gathered. */
  private gathering = false
  /** Ends the wait for more answers. */
  private delay: NodeJS.Timeout | undefined
  private blocked = false
  private ended = false
  private wake: (() => void) | undefined

  constructor(options: AnswerWindowOptions<T>) {
    this.options = options
  }

  get full(): boolean {
    if (this.ended) return false
    const { windowLines, outputBytesMax } = this.options
    return this.next - this.head >= windowLines || this.output.length >= outputBytesMax
  }

  get empty(): boolean {
    return this.ended || (this.next === this.head && this.output === '')
  }

  /** A slot for the next request. The window must not be full. */
  take(line: number): Slot<T> {
    const place = this.next++ % this.options.windowLines
    const slot = (this.ring[place] ??= this.slot())
    slot.line = line
    slot.text = undefined
    return slot
  }

  /** Resolves when the window may have room, or has been emptied or ended. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => (this.wake = resolve))
  }

  /** The sink takes more again. */
  drained(): void {
    this.blocked = false
    this.flush()
  }

  /** Nobody reads any more: answers are dropped. */
  end(): void {
    this.ended = true
    this.output = ''
    clearTimeout(this.delay)
    this.notify()
  }

  private slot(): FilledSlot<T> {
    const { write, writeError } = this.options
    const slot: FilledSlot<T> = {
      line: 0,
      text: undefined,
      done: (value) => {
        this.fill(slot, write(value, slot.line))
      },
      failed: (error) => {
        this.fill(slot, writeError(error, slot.line))
      },
    }
    return slot
  }

  private fill(slot: FilledSlot<T>, text: string): void {
    slot.text = text
    const { windowLines, writeBytes } = this.options
    if (slot !== this.ring[this.head % windowLines]) return
    while (this.head < this.next) {
      const first = this.ring[this.head % windowLines]!
      if (first.text === undefined) break
      this.output += first.text + '\n'
      first.text = undefined
      this.head++
    }
    if (this.output.length >= writeBytes) this.flush()
    this.gather()
  }

  /** Answers of one batch of the bank settle together: they make room together too. */
  private gather(): void {
    if (this.gathering) return
    this.gathering = true
    setImmediate(() => {
      this.gathering = false
      if (this.next === this.head) this.flush()
      else {
        this.delay ??= setTimeout(this.onDelay, this.options.writeDelayMs)
        this.notify()
      }
    })
  }

  private readonly onDelay = (): void => {
    this.flush()
  }

  private flush(): void {
    clearTimeout(this.delay)
    this.delay = undefined
    if (this.output !== '' && !this.blocked && !this.ended) {
      const { output } = this
      this.output = ''
      this.blocked = !this.options.sink.write(output)
    }
    this.notify()
  }

  private notify(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
