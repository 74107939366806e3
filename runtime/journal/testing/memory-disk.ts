/**
 * A disk in memory that loses power: what was not synced may be lost, by sector and by name. For tests
 * of everything that writes files.
 *
 * M1. A file's data is durable after its sync; a name is durable after its folder's sync. Before, a
 *     crash keeps any part of it: each sector old or new, each name there or not. A folder that goes
 *     takes with it what is in it.
 * M2. After a crash or a planned failure nothing works any more on this disk object; the disk after the
 *     crash is another one.
 */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../../env/env.js'
import { makeFolderDurably } from '../../env/make-folder.js'

interface Content {
  data: Buffer
  /** What is certainly on the disk. */
  synced: Buffer
  touchedAt: number
}

const sectorBytes = 512

/** Picks true or false for each unsynced sector and name: whether it survived. */
export type Survival = () => boolean

export const nothingSurvives: Survival = () => false
export const allSurvives: Survival = () => true

export class DiskError extends Error {
  readonly code: string
  constructor(code: string, path: string) {
    super(`${code}: ${path}`)
    this.code = code
  }
}

export class MemoryDisk implements Disk {
  /** Operations that changed something, so far. */
  operations = 0
  /** The operation at which power is lost. */
  crashAt = Infinity
  /** Called before each changing operation; throw to fail it. */
  onOperation: ((operation: string, path: string) => void) | undefined
  /** By the disk's own clock, ms. */
  now = 0
  private names = new Map<string, Content>()
  private durableNames = new Map<string, Content>()
  private folders = new Set(['/'])
  private durableFolders = new Set(['/'])
  private dead = false

  makeFolder(path: string): Promise<void> {
    return makeFolderDurably(
      {
        exists: (folder) => this.existsNow(folder),
        make: (folder) => this.run('makeFolder', folder, () => this.folders.add(folder)),
        syncFolder: (folder) => this.syncFolder(folder),
      },
      path,
    )
  }

  makeNewFolder(path: string): Promise<void> {
    return this.run('makeNewFolder', path, () => {
      if (this.names.has(path) || this.folders.has(path)) throw new DiskError('EEXIST', path)
      if (!this.folders.has(dirname(path))) throw new DiskError('ENOENT', path)
      this.folders.add(path)
    })
  }

  async list(path: string): Promise<string[]> {
    this.assertAlive()
    const found: string[] = []
    for (const name of this.names.keys()) {
      if (dirname(name) === path) found.push(name.slice(path.length + 1))
    }
    return Promise.resolve(found.sort())
  }

  async open(path: string, mode: 'read' | 'readwrite' | 'create'): Promise<DiskFile> {
    this.assertAlive()
    if (mode === 'create') {
      if (!this.folders.has(dirname(path))) throw new DiskError('ENOENT', path)
      this.change('create', path)
      if (this.names.has(path)) throw new DiskError('EEXIST', path)
      const empty = Buffer.alloc(0)
      this.names.set(path, { data: empty, synced: empty, touchedAt: this.now })
    }
    const content = this.names.get(path)
    if (content === undefined) throw new DiskError('ENOENT', path)
    return Promise.resolve(this.fileOf(path, content))
  }

  existsNow(path: string): boolean {
    this.assertAlive()
    return this.names.has(path) || this.folders.has(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.run('rename', to, () => {
      if (this.folders.has(from)) {
        this.renameFolder(from, to)
        return
      }
      this.names.set(to, this.contentOf(from))
      this.names.delete(from)
    })
  }

  /** Durable at once: more than a disk promises, and enough for what is tested here. */
  private renameFolder(from: string, to: string): void {
    const moved = (path: string): string | undefined =>
      path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : undefined
    for (const names of [this.names, this.durableNames]) {
      for (const [path, content] of [...names]) {
        const name = moved(path)
        if (name === undefined) continue
        names.delete(path)
        names.set(name, content)
      }
    }
    for (const folders of [this.folders, this.durableFolders]) {
      for (const path of [...folders]) {
        const name = moved(path)
        if (name !== undefined && folders.delete(path)) folders.add(name)
      }
    }
  }

  remove(path: string): Promise<void> {
    return this.run('remove', path, () => {
      this.contentOf(path)
      this.names.delete(path)
    })
  }

  removeTree(path: string): Promise<void> {
    return this.run('removeTree', path, () => {
      for (const names of [this.names, this.folders]) {
        for (const name of [...names.keys()]) {
          if (name === path || name.startsWith(`${path}/`)) names.delete(name)
        }
      }
    })
  }

  copyMode(from: string, to: string): Promise<void> {
    return this.run('copyMode', to, () => {
      if (!this.existsNow(from)) throw new DiskError('ENOENT', from)
    })
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(Infinity)
  }

  realPath(path: string): Promise<string> {
    return Promise.resolve(path)
  }

  syncFolder(path: string): Promise<void> {
    return this.run('syncFolder', path, () => {
      for (const name of [...this.durableNames.keys()]) {
        if (dirname(name) === path && !this.names.has(name)) this.durableNames.delete(name)
      }
      for (const [name, content] of this.names) {
        if (dirname(name) === path) this.durableNames.set(name, content)
      }
      for (const folder of this.folders) {
        if (dirname(folder) === path) this.durableFolders.add(folder)
      }
    })
  }

  touch(path: string): Promise<void> {
    return this.run('touch', path, () => {
      this.contentOf(path).touchedAt = this.now
    })
  }

  ageMs(path: string): Promise<number> {
    this.assertAlive()
    return Promise.resolve(this.now - this.contentOf(path).touchedAt)
  }

  /** What stands on a disk found after a crash, as text: the same for disks no reader can tell apart. */
  fingerprint(): string {
    const hash = createHash('sha1').update(`${this.now} ${[...this.folders].join()}`)
    // A file may have two names.
    const files = new Map<Content, number>()
    for (const [path, content] of this.names) {
      const { data, touchedAt } = content
      const file = files.get(content) ?? files.size
      files.set(content, file)
      hash.update(`\n${path} ${file} ${touchedAt} ${data.length}\n`).update(data)
    }
    return hash.digest('hex')
  }

  /** The disk as it is found after power was lost now. */
  afterCrash(survives: Survival): MemoryDisk {
    const disk = new MemoryDisk()
    disk.now = this.now
    // Folders are made from the outside in, so those around one come before it.
    for (const folder of this.folders) {
      const survived = this.durableFolders.has(folder) || survives()
      if (survived && disk.folders.has(dirname(folder))) disk.folders.add(folder)
    }
    disk.durableFolders = new Set(disk.folders)
    const contents = new Map<Content, Content>()
    const survivor = (content: Content): Content => {
      let copy = contents.get(content)
      if (copy === undefined) {
        const data = tear(content, survives)
        contents.set(content, (copy = { data, synced: data, touchedAt: content.touchedAt }))
      }
      return copy
    }
    for (const path of new Set([...this.names.keys(), ...this.durableNames.keys()])) {
      const now = this.names.get(path)
      const before = this.durableNames.get(path)
      const found = now === before || survives() ? now : before
      if (found === undefined || !disk.folders.has(dirname(path))) continue
      disk.names.set(path, survivor(found))
      disk.durableNames.set(path, survivor(found))
    }
    return disk
  }

  /** The same content in another disk, all of it durable: a copy to try damage on. */
  copy(): MemoryDisk {
    return this.afterCrash(allSurvives)
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.names.keys()].sort()
  }

  /** A file's bytes, to look at and to damage. */
  bytesOf(path: string): Buffer {
    return this.contentOf(path).data
  }

  /** Puts other bytes in a file's place, without a trace. */
  replace(path: string, data: Buffer): void {
    const content = { data, synced: data, touchedAt: this.now }
    this.names.set(path, content)
    this.durableNames.set(path, content)
  }

  private fileOf(path: string, content: Content): DiskFile {
    return {
      read: async (position, length) => {
        this.assertAlive()
        return Promise.resolve(Buffer.from(content.data.subarray(position, position + length)))
      },
      write: (bytes, position) =>
        this.run('write', path, () => {
          const end = Math.max(content.data.length, position + bytes.length)
          // A new buffer: what was synced and what was read before stay as they were.
          const data = Buffer.alloc(end)
          data.set(content.data)
          data.set(bytes, position)
          content.data = data
        }),
      sync: () =>
        this.run('sync', path, () => {
          content.synced = content.data
        }),
      size: async () => Promise.resolve(content.data.length),
      close: async () => Promise.resolve(),
    }
  }

  private async run(operation: string, path: string, apply: () => void): Promise<void> {
    this.assertAlive()
    this.change(operation, path)
    apply()
    return Promise.resolve()
  }

  private change(operation: string, path: string): void {
    if (this.operations++ >= this.crashAt) {
      this.dead = true
      throw new DiskError('EIO', `power lost at ${path}`)
    }
    this.onOperation?.(operation, path)
  }

  private contentOf(path: string): Content {
    const content = this.names.get(path)
    if (content === undefined) throw new DiskError('ENOENT', path)
    return content
  }

  private assertAlive(): void {
    if (this.dead) throw new DiskError('EIO', 'no power')
  }
}

/** Each sector that changed since the last sync is old or new. */
function tear({ data, synced }: Content, survives: Survival): Buffer {
  if (data === synced) return Buffer.from(data)
  const torn = Buffer.alloc(survives() ? data.length : synced.length)
  for (let at = 0; at < torn.length; at += sectorBytes) {
    const from = survives() ? data : synced
    if (at < from.length) from.copy(torn, at, at, Math.min(at + sectorBytes, torn.length))
  }
  return torn
}
