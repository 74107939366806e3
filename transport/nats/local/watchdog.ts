/**
 * Ends processes when this one is gone, however it went: a child that reads a pipe to its end, which comes
 * with our end, also by SIGKILL. Servers left behind would keep their ports, and write into folders that the
 * next ones are given.
 */
import { spawn, type ChildProcess } from 'node:child_process'

/** Remembers the last line of process ids; kills them when there comes no more. */
const script = 'last=; while read -r line; do last=$line; done; [ -z "$last" ] || kill -9 $last'

export class Watchdog {
  private readonly shell: ChildProcess

  constructor() {
    this.shell = spawn('/bin/sh', ['-c', script], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Ctrl-C is not for it.
      detached: true,
    })
    // Where there is no shell nobody watches.
    this.shell.on('error', () => undefined)
    this.shell.stdin?.on('error', () => undefined)
    // It keeps nobody alive.
    this.shell.unref()
    ;(this.shell.stdin as { unref?: () => void } | null)?.unref?.()
  }

  /** From now on it is these that end with this process. */
  watch(pids: readonly number[]): void {
    this.shell.stdin?.write(`${pids.join(' ')}\n`)
  }

  /** Nothing is watched any more. */
  stop(): void {
    this.watch([])
    this.shell.stdin?.end()
  }
}
