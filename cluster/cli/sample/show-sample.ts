/** `start --sample`: the sample with live progress, then its summary and the proof of what is on disk. */
import { verifyFolder } from '../commands/verify.js'
import type { Embedded } from '../embedded.js'
import type { Interrupt } from '../interrupt.js'
import type { Output } from '../output.js'
import { CommandFailed } from '../problem.js'
import { Progress } from '../progress.js'
import { runSample, type SampleListener } from './run-sample.js'
import { sampleReport, sampleWords } from './sample-report.js'

/**
 * Runs the sample in a runtime of its own, closes it, and verifies what is on disk.
 * @throws CommandFailed not_conserved
 */
export async function showSample(
  data: string,
  open: () => Promise<Embedded>,
  output: Output,
  interrupt: Interrupt,
): Promise<void> {
  const { runtime, bank, failed } = await open()
  const stages = new SampleStages(output, interrupt)
  let audited
  try {
    const running = runSample(bank, stages).finally(() => stages.end())
    const result = await Promise.race([running, failed])
    audited = { result, audit: await Promise.race([bank.audit(), failed]) }
  } finally {
    await runtime.close()
  }
  output.note('Verifying the journal …')
  const verified = await verifyFolder(data, output)
  const report = sampleReport(audited.result, audited.audit, verified)
  output.result({ event: 'sample', ...report }, () => sampleWords(report))
  if (!report.conserved) {
    throw new CommandFailed('not_conserved', report.findings[0] ?? 'Money is not conserved.')
  }
}

class SampleStages implements SampleListener {
  private readonly output: Output
  private readonly interrupt: Interrupt
  private progress: Progress | undefined

  constructor(output: Output, interrupt: Interrupt) {
    this.output = output
    this.interrupt = interrupt
  }

  stage(title: string, unit: string, count: number): (done: number) => void {
    this.end()
    const progress = new Progress(this.output, title, unit, count)
    this.progress = progress
    return (done) => progress.update(done)
  }

  running(pump: { stop(): void }): void {
    this.interrupt.onRequest(() => pump.stop())
  }

  end(): void {
    this.progress?.end()
  }
}
