/**
 * The ways a node is made to end: by a signal at a random moment, or by a system call that is answered
 * with an error, or with death, when it is made for the k-th time.
 *
 * F1. System calls are met with `strace`. Node makes its file calls on a pool of threads, and strace
 *     counts per thread: with one thread in the pool, k is the k-th of the process.
 */
import { spawnSync } from 'node:child_process'

/**
 * What strikes at the k-th call. A slow disk leaves room between a group and its being durable: whoever
 * answers too early is seen when the kill comes.
 */
export type Strike = 'SIGKILL' | 'EIO' | 'ENOSPC' | 'SLOW'

const slowMicroseconds = 25_000
const strikeWords: Readonly<Record<Strike, string>> = {
  SIGKILL: 'signal=SIGKILL',
  EIO: 'error=EIO',
  ENOSPC: 'error=ENOSPC',
  SLOW: `delay_enter=${slowMicroseconds}`,
}

/** A fault, as drawn for one life of a node. */
export type Fault =
  | { readonly type: 'kill' }
  | { readonly type: 'kill_during_start' }
  | { readonly type: 'pause' }
  | SyscallFault

export interface SyscallFault {
  readonly type: 'syscall'
  readonly call: SyscallName
  readonly strike: Strike
  /** Which call, from 1. */
  readonly at: number
  /** The later ones fail too. */
  readonly forEver: boolean
  /** Only calls on files of these paths. */
  readonly paths: readonly string[]
}

/** File calls of a node that change something. */
export const syscalls = ['fdatasync', 'pwrite64', 'rename', 'fsync', 'openat', 'unlink'] as const
export type SyscallName = (typeof syscalls)[number]

/** The name a fault is counted by. */
export function nameOf(fault: Fault): string {
  return fault.type === 'syscall' ? `${fault.call}:${fault.strike}` : fault.type
}

/** Words before the node's own, that make the fault happen. */
export function straceWords(fault: SyscallFault, log: string): readonly string[] {
  const what = strikeWords[fault.strike]
  // Quicker, because other calls are not stopped at; but strace 6.1 then sends no signals.
  const quick = fault.strike === 'SIGKILL' ? [] : ['--seccomp-bpf']
  const when = `${fault.at}${fault.forEver ? '+' : ''}`
  const paths = fault.paths.flatMap((path) => ['-P', path])
  return [
    ...['strace', '-f', ...quick, '-qq', '-e', 'signal=none', '-o', log, ...paths],
    ...['-e', `trace=${fault.call}`, '-e', `inject=${fault.call}:${what}:when=${when}`, '--'],
  ]
}

/**
 * Sees to it that `strace` is there: installs it on Debian as root.
 * @returns undefined, or one sentence that says what is missing
 */
export function missingTools(): string | undefined {
  const works = (): boolean => spawnSync('strace', ['-qq', 'true']).status === 0
  if (works()) return undefined
  spawnSync('apt-get', ['update'], { stdio: 'ignore' })
  spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'strace'], { stdio: 'ignore' })
  if (works()) return undefined
  return 'Faults of system calls need strace (Debian: apt-get install strace) and the right to trace processes; it is missing and could not be installed.'
}

/** Every call of a kind takes long, once the node has started. */
export function slow(call: SyscallName): SyscallFault {
  return { type: 'syscall', call, strike: 'SLOW', at: 10, forEver: true, paths: [] }
}

/** Draws faults by weight. */
export function drawFault(chance: () => number, segmentPaths: readonly string[]): Fault {
  const roll = chance()
  if (roll < 0.5) return { type: 'kill' }
  if (roll < 0.7) return { type: 'kill_during_start' }
  if (roll < 0.73) return { type: 'pause' }
  if (roll < 0.78) return slow('pwrite64')
  const call = syscalls[Math.floor(chance() * syscalls.length)]!
  const strikes: readonly Strike[] =
    call === 'fsync' || call === 'fdatasync'
      ? ['SIGKILL', 'SIGKILL', 'EIO']
      : ['SIGKILL', 'EIO', 'ENOSPC']
  // Starting makes about ten calls of a kind; the load as many as it likes.
  const most = call === 'rename' || call === 'fsync' || call === 'unlink' ? 14 : 50
  return {
    type: 'syscall',
    call,
    strike: strikes[Math.floor(chance() * strikes.length)]!,
    at: 1 + Math.floor(chance() ** 2 * (call === 'openat' ? 3 : most)),
    forEver: chance() < 0.5,
    // Node opens files of its own too; only those of the journal count.
    paths: call === 'openat' ? segmentPaths : [],
  }
}
