/**
 * What an operator must hear of the NATS servers: told when a node starts, when it opens a stream, and when it
 * comes to servers that are set up otherwise while it runs.
 *
 * S8. Servers that lose payments, or are too narrow for them, are refused by a node that starts. One that
 *     runs says so and goes on: it would take its shards along.
 */
import { durabilityFindings, type OpenedStream } from '../../runtime/index.js'
import type { NatsFacts } from '../../transport/index.js'
import type { Output } from './output.js'
import { CommandFailed } from './problem.js'

export interface DurabilityAsked {
  /** Copies of everything. */
  readonly replicas: number
  /** Whether the node serves although a fault can lose payments. */
  readonly allowUnsafe: boolean
}

type Finding = ReturnType<typeof durabilityFindings>[number]

export class DurabilityCheck {
  private readonly asked: DurabilityAsked
  private readonly output: Output
  private readonly facts: NatsFacts
  /** What was told of the servers as they are now, by code. */
  private told: ReadonlySet<string>
  private toldOfMore = false

  /**
   * Says what the servers say of themselves.
   * @param facts of the servers the node starts with
   * @throws CommandFailed
   */
  constructor(asked: DurabilityAsked, output: Output, facts: NatsFacts) {
    this.asked = asked
    this.output = output
    this.facts = facts
    const findings = durabilityFindings(facts, asked, [])
    this.told = new Set(findings.map(({ code }) => code))
    for (const finding of findings) this.judge(finding)
  }

  /** A stream was opened. @throws CommandFailed */
  opened(stream: OpenedStream): void {
    for (const finding of durabilityFindings(this.facts, this.asked, [stream])) {
      if (finding.code === 'too_few_replicas') this.judge(finding)
      // Of one of them: the cluster has one number for all.
      if (finding.code === 'more_replicas' && !this.toldOfMore) {
        this.toldOfMore = true
        this.warn(finding)
      }
    }
  }

  /** The node has connected again, to these servers: tells what it would not have started with. */
  again(facts: NatsFacts): void {
    const findings = durabilityFindings(facts, this.asked, []).filter(
      ({ severity }) => severity === 'refuse',
    )
    for (const finding of findings) if (!this.told.has(finding.code)) this.warn(finding)
    this.told = new Set(findings.map(({ code }) => code))
  }

  private judge(finding: Finding): void {
    const { code, sentence, severity } = finding
    if (severity === 'refuse' && !this.asked.allowUnsafe) {
      throw new CommandFailed(
        code,
        `${sentence} On a laptop, where payments may be lost, give --allow-unsafe-durability.`,
      )
    }
    this.warn(finding)
  }

  private warn({ code, sentence }: Finding): void {
    this.output.tell('warning', { code, sentence }, `WARNING ${code}: ${sentence}`)
  }
}
