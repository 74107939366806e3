/**
 * Children that end with this process, however it ends: also by SIGKILL, of which nobody hears. A shell reads
 * a pipe to its end, which comes with ours, and kills whoever is left. Servers left behind would keep their
 * ports, and write into folders that the next ones are given.
 */
import { spawn, type ChildProcess } from 'node:child_process'

/** Remembers the last line of process ids; kills them when there comes no more. */
const script = 'last=; while read -r line; do last=$line; done; [ -z "$last" ] || kill -9 $last'

const children = new Set<ChildProcess>()
let shell: ChildProcess | undefined

/** The child is killed when this process ends, unless it has ended by then. */
export function endsWithUs(child: ChildProcess): void {
  shell ??= startShell()
  children.add(child)
  tell(shell)
  child.once('exit', () => {
    children.delete(child)
    if (shell !== undefined) tell(shell)
  })
}

function tell({ stdin }: ChildProcess): void {
  const pids = [...children].flatMap(({ pid }) => pid ?? [])
  stdin?.write(`${pids.join(' ')}\n`)
}

function startShell(): ChildProcess {
  const started = spawn('/bin/sh', ['-c', script], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C is not for it.
    detached: true,
  })
  // Where there is no shell, an end that can be heard of is heard of.
  started.on('error', () => undefined)
  started.stdin.on('error', () => undefined)
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL')
  })
  // It keeps nobody alive.
  started.unref()
  ;(started.stdin as unknown as { unref(): void }).unref()
  return started
}
