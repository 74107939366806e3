/**
 * The real environment: the only place of the core with a clock, timers, files and the process.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import type {
  Chance,
  Clock,
  Disk,
  DiskFile,
  Env,
  Processes,
  ProcessIdentity,
  Timers,
} from './env.js'
import { makeFolderDurably, type FolderSteps } from './make-folder.js'

const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

const chance: Chance = { next: () => Math.random(), bytes: (length) => randomBytes(length) }

const timers: Timers = {
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  soon(run) {
    setImmediate(run)
  },
}

/** Writes up to so many bytes go into the page cache from this thread: waking another one takes longer. */
const ownThreadBytesMax = 64 * 1024

/** A file by its descriptor. Callbacks, not promises of `fs`, on the way of every group. */
class NodeFile implements DiskFile {
  private readonly descriptor: number
  private readonly path: string

  /** @param path what it was opened by, for errors */
  constructor(descriptor: number, path: string) {
    this.descriptor = descriptor
    this.path = path
  }

  /** An error with the name of the file, which who has only its descriptor is not told. */
  private named(error: Error): Error {
    if ('path' in error) return error
    const path = renamedTo(this.descriptor) ?? this.path
    return Object.assign(error, { path, message: `${error.message} '${path}'` })
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const count = await new Promise<number>((resolve, reject) => {
        fs.read(
          this.descriptor,
          buffer,
          filled,
          length - filled,
          position + filled,
          (error, bytes) => (error === null ? resolve(bytes) : reject(this.named(error))),
        )
      })
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    if (bytes.length <= ownThreadBytesMax) return this.writeNow(bytes, position)
    return new Promise((resolve, reject) => {
      const writeFrom = (written: number): void => {
        fs.write(
          this.descriptor,
          bytes,
          written,
          bytes.length - written,
          position + written,
          (error, count) => {
            if (error !== null) reject(this.named(error))
            else if (written + count < bytes.length) writeFrom(written + count)
            else resolve()
          },
        )
      }
      writeFrom(0)
    })
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws rejects
  private async writeNow(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        const missing = bytes.length - written
        written += fs.writeSync(this.descriptor, bytes, written, missing, position + written)
      }
    } catch (error) {
      throw this.named(error as Error)
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.descriptor, (error) => {
        if (error === null) resolve()
        else reject(this.named(error))
      })
    })
  }

  size(): Promise<number> {
    return Promise.resolve(fs.fstatSync(this.descriptor).size)
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(this.descriptor, (error) => (error == null ? resolve() : reject(error)))
    })
  }
}

/** What a file is called now: many are renamed once they are whole. Undefined where the kernel does not tell. */
function renamedTo(descriptor: number): string | undefined {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return undefined
  }
}

const openFlags = { read: 'r', readwrite: 'r+', create: 'wx+' } as const

const folderSteps: FolderSteps = {
  exists: (path) => disk.existsNow(path),
  make: async (path) => {
    await fs.promises.mkdir(path).catch(unless('EEXIST'))
  },
  // A folder that may not be read is none of ours: what is in it was there before.
  syncFolder: (path) => disk.syncFolder(path).catch(unless('EACCES')),
}

/** Passes over an error of one code. */
function unless(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error
  }
}

const disk: Disk = {
  makeFolder: (path) => makeFolderDurably(folderSteps, path),
  makeNewFolder: (path) => fs.promises.mkdir(path, { mode: 0o700 }),
  async list(path) {
    try {
      return (await fs.promises.readdir(path)).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  },
  open: (path, mode) =>
    new Promise((resolve, reject) => {
      fs.open(path, openFlags[mode], (error, descriptor) => {
        if (error !== null) reject(error)
        else if (mode !== 'read' || !fs.fstatSync(descriptor).isDirectory()) {
          resolve(new NodeFile(descriptor, path))
        } else {
          // A folder opens for reading, and says what it is only when it is read, without its name.
          fs.closeSync(descriptor)
          reject(Object.assign(new Error(`${path} is a folder.`), { code: 'EISDIR', path }))
        }
      })
    }),
  // Anything but a plain no is thrown: a fence that can't be seen must not pass for one that is gone.
  existsNow: (path) => fs.statSync(path, { throwIfNoEntry: false }) !== undefined,
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.rm(path),
  removeTree: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  async syncFolder(path) {
    const handle = await fs.promises.open(path, 'r')
    try {
      await handle.sync()
    } catch (error) {
      throw Object.assign(error as Error, { path })
    } finally {
      await handle.close()
    }
  },
  async touch(path) {
    const now = new Date()
    await fs.promises.utimes(path, now, now)
  },
  async ageMs(path) {
    return Math.max(0, Date.now() - (await fs.promises.stat(path)).mtimeMs)
  },
  async copyMode(from, to) {
    await fs.promises.chmod(to, (await fs.promises.stat(from)).mode & 0o7777)
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await fs.promises.statfs(folder)
    return bavail * bsize
  },
  realPath: (path) => fs.promises.realpath(path),
}

/** State letter and start time of a process, from the kernel; undefined when it is not there. */
function statOf(pid: number): { state: string; startedAt: string } | undefined {
  try {
    const stat = fs.readFileSync(join('/proc', String(pid), 'stat'), 'latin1')
    // The name in parentheses may hold spaces; fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** Where a pid means one process: boot and pid namespace on Linux, the machine elsewhere. */
function placeOfPids(): string {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot} ${fs.readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return process.platform === 'linux' ? '' : `${process.platform} ${hostname()}`
  }
}

/** Without /proc a process either answers or is gone; whether it is paused can't be seen. */
function fateBySignal(pid: number): 'running' | 'gone' {
  try {
    process.kill(pid, 0)
    return 'running'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'running' : 'gone'
  }
}

function makeProcesses(): Processes {
  const place = placeOfPids()
  const startedAt = statOf(process.pid)?.startedAt ?? ''
  const self: ProcessIdentity = { pid: process.pid, startedAt, place }
  return {
    self,
    cores: availableParallelism(),
    end(sentence) {
      fs.writeSync(2, `${sentence}\n`)
      process.exit(1)
    },
    fate(identity) {
      if (identity.place !== place || place === '') return 'unknown'
      if (identity.startedAt === '') return fateBySignal(identity.pid)
      const stat = statOf(identity.pid)
      if (stat === undefined || stat.startedAt !== identity.startedAt) return 'gone'
      if (stat.state === 'Z' || stat.state === 'X') return 'gone'
      return stat.state === 'T' || stat.state === 't' ? 'paused' : 'running'
    },
  }
}

/** The environment of this process. */
export function nodeEnv(): Env {
  return { clock, chance, timers, disk, processes: makeProcesses() }
}
