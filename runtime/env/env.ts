/**
 * The one port of the core to time, chance and I/O. Real in production (`node-env.ts`), seeded in
 * simulation; nothing else in `runtime/` may touch a clock, a generator, a timer or a file.
 *
 * E1. Everything asynchronous completes through the environment, so a simulation decides its order.
 */

/** Where time comes from. */
export interface Clock {
  /** Wall clock, ms since 1970. May jump. */
  now(): number
  /** Never goes back; ms with fraction, from any origin. */
  monotonic(): number
}

/** Where chance comes from. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number
  /** Random bytes; in production from a cryptographic source. */
  bytes(length: number): Uint8Array
}

/** Handle of a pending timer. */
export interface TimerHandle {
  cancel(): void
}

/** Delays that do not survive a restart. */
export interface Timers {
  after(delayMs: number, run: () => void): TimerHandle
  /** Runs soon, after what is already due (I/O callbacks included). */
  soon(run: () => void): void
}

/** An open file. */
export interface DiskFile {
  /** Reads up to `length` bytes at `position`; shorter at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>
  /** Writes all bytes at `position`, looping over short writes. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Makes the written data durable (fdatasync). A failure is final: see the journal's F-rules. */
  sync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** Files and folders. Paths are absolute; errors carry Node's `code` (ENOENT, EEXIST, ENOSPC, EIO…). */
export interface Disk {
  /** Makes a folder, and those around it, durably; nothing when it is there. */
  makeFolder(path: string): Promise<void>
  /** Makes one folder, for this user alone; EEXIST when anything is there: exclusive, also between processes. */
  makeNewFolder(path: string): Promise<void>
  /** Names in a folder, sorted; empty when the folder does not exist. */
  list(path: string): Promise<string[]>
  /** `create` fails with EEXIST when the file exists: exclusive, also between processes. */
  open(path: string, mode: 'read' | 'readwrite' | 'create'): Promise<DiskFile>
  /** Synchronous and cheap: the fence check runs once per sync. */
  existsNow(path: string): boolean
  /** Of a file, which takes the place of one of that name, or of a folder, whose new name is free. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Removes a file, or a folder with all that is in it; nothing when it is not there. */
  removeTree(path: string): Promise<void>
  /** Makes creations, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>
  /** Sets the modification time to now: the owner's heartbeat. */
  touch(path: string): Promise<void>
  /** ms since the file was last modified, by the file system's clock. */
  ageMs(path: string): Promise<number>
  /** Gives a file or folder the permissions of another one. */
  copyMode(from: string, to: string): Promise<void>
  /** Bytes this user may still write where the folder is. */
  freeBytes(folder: string): Promise<number>
  /** Where a path leads, links followed. */
  realPath(path: string): Promise<string>
}

/** Facts about this process and others on this machine. */
export interface Processes {
  /** Identity of this process. */
  readonly self: ProcessIdentity
  /** Processor cores this process may use. */
  readonly cores: number
  /** Says one sentence to the operator and ends this process with exit code 1. */
  end(sentence: string): never
  /** What became of a process: `unknown` when it can't be seen from here (other machine or namespace). */
  fate(identity: ProcessIdentity): 'running' | 'paused' | 'gone' | 'unknown'
}

/** Names a process beyond the reuse of its pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in the kernel's ticks, or '' where there is none. */
  readonly startedAt: string
  /** Boot and pid namespace: where the pid means anything. */
  readonly place: string
}

/** The environment of the core. */
export interface Env {
  readonly clock: Clock
  readonly chance: Chance
  readonly timers: Timers
  readonly disk: Disk
  readonly processes: Processes
}
