/**
 * A connection that stays down: finds out why, and tells. The client goes on trying, and says nothing of what
 * it meets – a certificate that has run out, a login that is not known any more.
 */

/** ms of an outage after which somebody looks why: a server that is started again is back before. */
const firstLookMs = 3_000
/** The next look comes after twice as long, up to this. */
const lookMsMax = 60_000

export interface OutageLinks {
  /** Tries to connect beside the client. @returns why that does not work; undefined when it does */
  readonly whyNot: () => Promise<Error | undefined>
  readonly tell: (sentence: string) => void
}

export class Outage {
  private readonly links: OutageLinks
  private timer: NodeJS.Timeout | undefined
  /** What was told of this outage. */
  private told = ''
  /** Counts outages: a look that ends after its outage tells nothing. */
  private number = 0

  constructor(links: OutageLinks) {
    this.links = links
  }

  /** The connection is down. */
  begin(): void {
    this.number++
    this.told = ''
    this.lookAfter(firstLookMs)
  }

  /** The connection is up again. */
  end(): void {
    if (this.told !== '') this.links.tell('NATS is reached again.')
    this.stop()
  }

  /** Nobody wants the connection any more. */
  stop(): void {
    this.number++
    clearTimeout(this.timer)
    this.told = ''
  }

  private lookAfter(ms: number): void {
    const { number } = this
    this.timer = setTimeout(() => {
      void this.look(number).then(() => {
        if (this.number === number) this.lookAfter(Math.min(2 * ms, lookMsMax))
      })
    }, ms)
    // It keeps no process from ending.
    this.timer.unref()
  }

  private async look(number: number): Promise<void> {
    const why = await this.links.whyNot()
    if (why === undefined || this.number !== number || why.message === this.told) return
    this.told = why.message
    this.links.tell(`The connection stays down. ${why.message}`)
  }
}
