/** Reports of a trouble that lasts (`LastingTrouble`): `<what>_trouble`, and `<what>_goes_on` when it is over. */
import type { Clock } from '../../runtime/index.js'
import { LastingTrouble } from '../../transport/index.js'

type Report = ((event: string, detail: Record<string, unknown>) => void) | undefined

export class ToldTrouble {
  private readonly report: Report
  private readonly what: string
  private readonly trouble: LastingTrouble

  /** @param what is in trouble */
  constructor(clock: Clock, report: Report, what: string) {
    this.report = report
    this.what = what
    this.trouble = new LastingTrouble(() => clock.monotonic())
  }

  met(error: unknown): void {
    const so = this.trouble.met()
    if (so !== undefined) this.report?.(`${this.what}_trouble`, { error, ...so })
  }

  over(): void {
    const ms = this.trouble.over()
    if (ms !== undefined) this.report?.(`${this.what}_goes_on`, { ms })
  }
}
