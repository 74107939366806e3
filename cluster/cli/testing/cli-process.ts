/**
 * Runs the built binary as a user would: as a process of its own, with its output read line by line.
 * Tests wait for lines and exits, never for time.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endsWithUs } from '../../../transport/nats/index.js'
import { packageFile } from '../package-file.js'

const binary = packageFile('dist/bin/suanpan.js')
const lineTimeoutMs = 150_000

/** What a finished command left behind. */
export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export class CliProcess {
  readonly ended: Promise<Finished>
  private readonly child: ChildProcess
  private stdout = ''
  private stderr = ''
  private readonly watchers = new Set<() => void>()

  constructor(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [binary, ...words], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    endsWithUs(this.child)
    const collect = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
      this[name] += chunk.toString('utf8')
      for (const watch of this.watchers) watch()
    }
    this.child.stdout?.on('data', collect('stdout'))
    this.child.stderr?.on('data', collect('stderr'))
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
        for (const watch of this.watchers) watch()
      })
    })
  }

  /** What it has said so far. */
  get said(): { readonly stdout: string; readonly stderr: string } {
    const { stdout, stderr } = this
    return { stdout, stderr }
  }

  /** Resolves when either output holds the pattern. @throws when the command ended without it */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        done()
        reject(new Error(`${why} before ${String(pattern)}:\n${this.stdout}\n${this.stderr}`))
      }
      const look = (): void => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
        if (match !== null) {
          done()
          resolve(match)
        } else if (this.child.exitCode !== null) fail('The command ended')
      }
      const timeout = setTimeout(() => fail(`${lineTimeoutMs} ms went by`), lineTimeoutMs)
      const done = (): void => {
        clearTimeout(timeout)
        this.watchers.delete(look)
      }
      this.watchers.add(look)
      look()
    })
  }

  /** Goes away as a reader of both outputs, as `| head -1` does. */
  stopReading(): void {
    this.child.stdout?.destroy()
    this.child.stderr?.destroy()
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Runs a command to its end. */
export function runCli(
  words: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<Finished> {
  return new CliProcess(words, environment).ended
}

/** The last line of stdout as JSON. */
export function lastJson<T>({ stdout }: Finished): T {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as T
}

/** A folder of a test, to be removed after it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'suanpan-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
