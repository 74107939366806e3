/**
 * The disk as a simulated process sees it: every operation takes virtual time, may fail, and is lost
 * with the process when that dies in the middle of it.
 */
import type { Disk, DiskFile } from '../env/env.js'
import { makeFolderDurably, type FolderSteps } from '../env/make-folder.js'
import { DiskError, type DiskImage } from './disk-image.js'
import type { FileContent } from './file-content.js'
import type { FaultCounts } from './faults.js'
import type { Kernel, Owner } from './kernel.js'
import type { Random } from './random.js'

/** Troubles of a machine's disk, switched by the run. */
export interface DiskWeather {
  /** Mean ms of an operation. */
  readonly latencyMs: number
  /** Factor on latency. */
  slowness: number
  full: boolean
  syncErrors: 'none' | 'once' | 'for_ever'
  /** Factor on latency of syncs: they are what a disk is slowest at. */
  readonly syncFactor: number
  /** Chance that a write stops half way with an error. */
  shortWrites: number
}

/** The disk of one machine, shared by its processes. */
export interface Machine {
  readonly image: DiskImage
  readonly weather: DiskWeather
  readonly counts: FaultCounts
  /** Draws of the disk only. */
  readonly random: Random
  /** Told of every write that may be there whole. */
  readonly onWrite: (path: string, bytes: Uint8Array, content: FileContent) => void
  readonly onSync: (content: FileContent) => void
  /** A write of frames begins, or is done and not synced: the moments at which a crash tells most. */
  readonly onDanger: (moment: 'writing' | 'written', owner: Owner) => void
  readonly onRename: (to: string, content: FileContent) => void
}

interface WriteUnderWay {
  readonly path: string
  readonly content: FileContent
  readonly bytes: Uint8Array
  readonly position: number
}

export class SimulatedDisk implements Disk {
  private readonly kernel: Kernel
  private readonly machine: Machine
  private readonly owner: Owner
  private readonly underWay = new Set<WriteUnderWay>()

  constructor(kernel: Kernel, machine: Machine, owner: Owner) {
    this.kernel = kernel
    this.machine = machine
    this.owner = owner
  }

  /** The process died: writes under way are there in part. */
  tear(): void {
    const { random, onWrite } = this.machine
    for (const { path, content, bytes, position } of this.underWay) {
      const length = random.whole(0, bytes.length)
      if (length === 0) continue
      content.write(bytes.subarray(0, length), position)
      // It may have come out whole: what is missing may be zeros.
      onWrite(path, bytes, content)
      content.marks.push({ kind: 'torn_write', from: position, to: position + length })
    }
    this.underWay.clear()
  }

  makeFolder(path: string): Promise<void> {
    const { image } = this.machine
    const steps: FolderSteps = {
      exists: (folder) => this.existsNow(folder),
      make: (folder) =>
        this.run('makeFolder', folder, () => {
          if (!image.has(folder)) image.makeFolder(folder)
        }),
      syncFolder: (folder) => this.syncFolder(folder),
    }
    return makeFolderDurably(steps, path)
  }

  makeNewFolder(path: string): Promise<void> {
    return this.run('makeNewFolder', path, () => {
      this.failWhenFull(path)
      this.machine.image.makeFolder(path)
    })
  }

  list(path: string): Promise<string[]> {
    return this.run('list', path, () => {
      const { image, counts } = this.machine
      image.meetFolder(path, counts)
      return image.list(path)
    })
  }

  open(path: string, mode: 'read' | 'readwrite' | 'create'): Promise<DiskFile> {
    return this.run('open', path, () => {
      const { image, counts } = this.machine
      image.meetName(path, counts)
      if (mode === 'create') {
        this.failWhenFull(path)
        return this.fileOf(path, image.create(path, this.kernel.now))
      }
      return this.fileOf(path, image.get(path))
    })
  }

  existsNow(path: string): boolean {
    const { image, counts } = this.machine
    image.meetName(path, counts)
    return image.has(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.run('rename', to, () => {
      const { image, onRename } = this.machine
      image.rename(from, to)
      const moved = image.find(to)
      if (moved !== undefined) onRename(to, moved)
    })
  }

  remove(path: string): Promise<void> {
    return this.run('remove', path, () => {
      this.machine.image.remove(path)
    })
  }

  removeTree(path: string): Promise<void> {
    return this.run('removeTree', path, () => {
      this.machine.image.removeTree(path)
    })
  }

  copyMode(from: string, to: string): Promise<void> {
    return this.run('copyMode', to, () => {
      for (const path of [from, to]) {
        if (!this.machine.image.has(path)) throw new DiskError('ENOENT', path)
      }
    })
  }

  freeBytes(folder: string): Promise<number> {
    return this.run('freeBytes', folder, () => (this.machine.weather.full ? 0 : Infinity))
  }

  realPath(path: string): Promise<string> {
    return this.run('realPath', path, () => path)
  }

  syncFolder(path: string): Promise<void> {
    return this.run('syncFolder', path, () => {
      this.failSync(path)
      this.machine.image.syncFolder(path)
    })
  }

  touch(path: string): Promise<void> {
    return this.run('touch', path, () => {
      this.machine.image.get(path).touchedAt = this.kernel.now
    })
  }

  ageMs(path: string): Promise<number> {
    return this.run('ageMs', path, () => this.kernel.now - this.machine.image.get(path).touchedAt)
  }

  private fileOf(path: string, content: FileContent): DiskFile {
    const { image, counts } = this.machine
    return {
      read: (position, length) =>
        this.run('read', path, () => {
          image.meet(content, position, length, counts)
          return content.read(position, length)
        }),
      write: (bytes, position) => this.write(path, content, bytes, position),
      sync: () =>
        this.run('sync', path, () => {
          this.failSync(path)
          image.syncFile(content)
          this.machine.onSync(content)
        }),
      size: () => this.run('size', path, () => content.size),
      close: () => Promise.resolve(),
    }
  }

  private write(
    path: string,
    content: FileContent,
    bytes: Uint8Array,
    position: number,
  ): Promise<void> {
    const { random, weather, counts, onWrite } = this.machine
    const write = { path, content, bytes: Buffer.from(bytes), position }
    this.underWay.add(write)
    const frames = position > 0 && path.includes('.seg')
    if (frames) this.machine.onDanger('writing', this.owner)
    return this.run('write', path, () => {
      this.underWay.delete(write)
      const full = weather.full
      if (full || random.chance(weather.shortWrites)) {
        const length = random.whole(0, Math.max(0, write.bytes.length - 1))
        content.write(write.bytes.subarray(0, length), position)
        onWrite(path, write.bytes, content)
        counts.add(full ? 'disk_full' : 'short_write')
        throw new DiskError(full ? 'ENOSPC' : 'EIO', path)
      }
      content.write(write.bytes, position)
      this.kernel.note(path, write.bytes)
      onWrite(path, write.bytes, content)
      if (frames) this.machine.onDanger('written', this.owner)
    })
  }

  private failWhenFull(path: string): void {
    if (!this.machine.weather.full) return
    this.machine.counts.add('disk_full')
    throw new DiskError('ENOSPC', path)
  }

  private failSync(path: string): void {
    const { weather, counts } = this.machine
    if (weather.syncErrors === 'none') return
    counts.add(weather.syncErrors === 'once' ? 'sync_error_once' : 'sync_error_for_ever')
    if (weather.syncErrors === 'once') weather.syncErrors = 'none'
    throw new DiskError('EIO', path)
  }

  /** One operation: it takes effect when its time is over. */
  private run<T>(operation: string, path: string, apply: () => T): Promise<T> {
    const { random, weather, counts } = this.machine
    const factor = operation === 'sync' ? weather.syncFactor : 1
    const latency = random.exponential(weather.latencyMs) * factor * weather.slowness
    const slow = weather.slowness > 1
    return new Promise((resolve, reject) => {
      this.kernel.after(
        latency,
        () => {
          this.kernel.note(operation)
          if (slow) counts.add('slow_disk')
          try {
            resolve(apply())
          } catch (thrown) {
            const error = thrown instanceof Error ? thrown : new Error(String(thrown))
            this.kernel.say(`disk: ${operation} fails: ${error.message}`)
            reject(error)
          }
        },
        this.owner,
      )
    })
  }
}
