/**
 * Progress of long work on stderr: a bar that redraws itself on a terminal, a line now and then
 * elsewhere, nothing with `--json`.
 */
import { count, type Output } from './output.js'

const redrawMs = 100
/** Lines come after 1 s, 2 s more, 4 s more …, at last every 10 s. */
const lineMsMin = 1_000
const lineMsMax = 10_000
const barCells = 24

export class Progress {
  private readonly output: Output
  private readonly title: string
  private readonly unit: string
  private readonly terminal: boolean
  private readonly startedAt = performance.now()
  private total: number
  private shownAt = 0
  private waitMs: number
  private drawn = false

  /** @param total 0 when it is not known yet */
  constructor(output: Output, title: string, unit: string, total: number) {
    this.output = output
    this.title = title
    this.unit = unit
    this.total = total
    this.terminal = output.streams.stderr.isTTY === true && !output.json
    this.shownAt = this.terminal ? 0 : this.startedAt
    this.waitMs = this.terminal ? redrawMs : lineMsMin
  }

  /** Cheap enough to be called often, but not per payment. */
  update(done: number): void {
    if (this.output.json) return
    const now = performance.now()
    if (now - this.shownAt < this.waitMs) return
    this.shownAt = now
    if (this.terminal) {
      this.output.streams.stderr.write(`\r${this.line(done, now)}\u001b[K`)
      this.drawn = true
    } else {
      this.waitMs = Math.min(lineMsMax, this.waitMs * 2)
      this.output.note(this.line(done, now))
    }
  }

  /** Takes the bar away. */
  end(): void {
    if (this.drawn) this.output.streams.stderr.write('\r\u001b[K')
    this.drawn = false
  }

  private line(done: number, now: number): string {
    const seconds = (now - this.startedAt) / 1000
    const rate = seconds > 0 ? done / seconds : 0
    const speed = `${count(rate)} ${this.unit}/s`
    if (this.total === 0) return `${this.title}: ${count(done)} ${this.unit}, ${speed}`
    const share = Math.min(1, done / this.total)
    const filled = Math.round(share * barCells)
    const bar = this.terminal
      ? `[${'#'.repeat(filled)}${'.'.repeat(barCells - filled)}] `
      : `${(share * 100).toFixed(0)} % `
    const left = rate > 0 ? `, ${duration((this.total - done) / rate)} left` : ''
    return `${this.title}: ${bar}${count(done)}/${count(this.total)}, ${speed}${left}`
  }
}

/** `42 s`, `3 min 05 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}
