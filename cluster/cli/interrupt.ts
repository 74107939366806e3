/**
 * SIGINT and SIGTERM as a polite request to end: the first is handed on, a second one forces the end.
 */
import cluster from 'node:cluster'
import type { Output } from './output.js'
import { exitCodes } from './exit-codes.js'

export interface Interrupt {
  /** Resolves at the first signal. */
  readonly requested: Promise<NodeJS.Signals>
  /** Whether it has come. */
  readonly asked: boolean
  /** Calls `run` at the first signal, or now when it has come already. */
  onRequest(run: () => void): void
  /** Stops listening; signals end the process again. */
  dispose(): void
}

export function listenForInterrupt(output: Output): Interrupt {
  const runs: (() => void)[] = []
  let first: NodeJS.Signals | undefined
  let request: (signal: NodeJS.Signals) => void = () => undefined
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    request = resolve
  })
  const listen = (signal: NodeJS.Signals): void => {
    // A worker gets the signals of its terminal and those of its supervisor, which also forces.
    if (first !== undefined && cluster.isWorker) return
    if (first !== undefined) {
      output.note('Forced to end at once; the next start recovers from the journal.')
      process.exit(exitCodes.failed)
    }
    first = signal
    request(signal)
    for (const run of runs) run()
  }
  process.on('SIGINT', listen)
  process.on('SIGTERM', listen)
  return {
    requested,
    get asked() {
      return first !== undefined
    },
    onRequest(run) {
      runs.push(run)
      if (first !== undefined) run()
    },
    dispose() {
      process.off('SIGINT', listen)
      process.off('SIGTERM', listen)
    },
  }
}
