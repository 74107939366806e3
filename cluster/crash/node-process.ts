/**
 * A real node as a child process: started, watched, stopped by any means, judged by how it ended.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { endsWithUs } from '../../transport/nats/index.js'
import { straceWords, type SyscallFault } from './faults.js'

/** How a node ended. */
export interface NodeEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface NodeOptions {
  /** The compiled command line, `dist/bin/suanpan.js`. */
  readonly main: string
  readonly data: string
  readonly threads: number
  readonly fault?: SyscallFault
  /** Where strace writes what it did. */
  readonly straceLog: string
}

const running = new Set<NodeProcess>()
process.on('exit', () => {
  for (const node of running) node.signal('SIGKILL')
})

export class NodeProcess {
  readonly ended: Promise<NodeEnd>
  /** Address it listens on; undefined when it ended before. */
  readonly listening: Promise<string | undefined>
  private readonly child: ChildProcess
  private readonly traced: boolean
  private pid: number | undefined

  constructor({ main, data, threads, fault, straceLog }: NodeOptions) {
    const words = [
      ...(fault === undefined ? [] : straceWords(fault, straceLog)),
      ...[process.execPath, main, 'start', '--data', data, '--port', '0', '--json'],
      ...['--shards', '8', '--threads', String(threads)],
      // Small, so that lives of a second meet new segments, snapshots and truncation.
      ...['--segment-kib', '64', '--snapshot-kib', '96'],
    ]
    this.traced = fault !== undefined
    this.child = spawn(words[0]!, words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C ends the campaign, not the node under it.
      detached: true,
      env: { ...process.env, ...(this.traced ? { UV_THREADPOOL_SIZE: '1' } : {}) },
    })
    endsWithUs(this.child)
    running.add(this)
    let stderr = ''
    this.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        running.delete(this)
        resolve({ code, signal, stderr })
      })
    })
    this.listening = this.findAddress()
  }

  /** True when it has not ended. */
  get runs(): boolean {
    return running.has(this)
  }

  /** Sends the node itself a signal; a tracer ends with it. */
  signal(signal: NodeJS.Signals): void {
    if (!this.runs) return
    try {
      const pid = this.nodePid()
      if (pid !== undefined) process.kill(pid, signal)
    } catch {
      // It ended in between.
    }
  }

  private findAddress(): Promise<string | undefined> {
    return new Promise((resolve) => {
      let stdout = ''
      this.child.stdout?.on('data', (chunk: Buffer) => {
        stdout += chunk.toString('utf8')
        const found = /"event":"listening","url":"([^"]+)","pid":(\d+)/.exec(stdout)
        if (found === null) return
        this.pid = Number(found[2])
        resolve(found[1])
      })
      void this.ended.then(() => resolve(undefined))
    })
  }

  private nodePid(): number | undefined {
    const { pid } = this.child
    if (!this.traced || pid === undefined) return pid
    if (this.pid !== undefined) return this.pid
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    return children === '' ? undefined : Number(children.split(' ')[0])
  }
}
