/**
 * A disk in memory that can lose power: what was written and not synced, and names that were made and
 * not made durable, are gone after a crash. It can also fail at a chosen operation, once or for good.
 */
import type { Disk, DiskFile } from '../env/env.js'

interface Inode {
  /** What the running process sees. */
  bytes: Buffer
  /** What survives a crash. */
  durable: Buffer
  touchedAt: number
}

/** Which operation fails, and how. */
export interface DiskFault {
  /** 1 for the next operation. */
  readonly atOperation: number
  readonly code: 'EIO' | 'ENOSPC'
}

export class MemoryDisk implements Disk {
  /** Names as the running process sees them, and as they are after a crash. */
  private names = new Map<string, Inode>()
  private durableNames = new Map<string, Inode>()
  /** Operations that change something, so far. */
  operations = 0
  private fault: DiskFault | undefined
  private readonly now: () => number

  constructor(now: () => number = () => 0) {
    this.now = now
  }

  /** Loses power: everything not synced is gone. */
  crash(): void {
    this.names = new Map(this.durableNames)
    for (const inode of this.names.values()) inode.bytes = Buffer.from(inode.durable)
    this.fault = undefined
  }

  /** An equal disk, independent of this one. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk(this.now)
    const inodes = new Map<Inode, Inode>()
    const copied = (inode: Inode): Inode => {
      const known = inodes.get(inode)
      if (known !== undefined) return known
      const made = {
        ...inode,
        bytes: Buffer.from(inode.bytes),
        durable: Buffer.from(inode.durable),
      }
      inodes.set(inode, made)
      return made
    }
    for (const [name, inode] of this.names) copy.names.set(name, copied(inode))
    for (const [name, inode] of this.durableNames) copy.durableNames.set(name, copied(inode))
    return copy
  }

  /** Every changing operation from a number on fails, until the next crash. */
  failFrom(fault: DiskFault): void {
    this.fault = { ...fault, atOperation: this.operations + fault.atOperation }
  }

  /** A file's bytes, to be read or damaged. */
  bytesOf(path: string): Buffer {
    return this.inode(path).bytes
  }

  /** Replaces a file's bytes on the platter. */
  overwrite(path: string, bytes: Buffer): void {
    const inode = this.inode(path)
    inode.bytes = bytes
    inode.durable = Buffer.from(bytes)
  }

  paths(): string[] {
    return [...this.names.keys()].sort()
  }

  makeFolder(): Promise<void> {
    return Promise.resolve()
  }

  list(path: string): Promise<string[]> {
    const prefix = `${path}/`
    const inside = [...this.names.keys()].filter((name) => name.startsWith(prefix))
    return Promise.resolve(
      inside
        .map((name) => name.slice(prefix.length))
        .filter((name) => !name.includes('/'))
        .sort(),
    )
  }

  async open(path: string, mode: 'read' | 'readwrite' | 'create'): Promise<DiskFile> {
    await Promise.resolve()
    if (mode === 'create') {
      this.operate()
      if (this.names.has(path)) throw failure('EEXIST', path)
      const empty = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), touchedAt: this.now() }
      this.names.set(path, empty)
    }
    return new MemoryFile(this, this.inode(path))
  }

  existsNow(path: string): boolean {
    return this.names.has(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await Promise.resolve()
    this.operate()
    this.names.set(to, this.inode(from))
    this.names.delete(from)
  }

  async remove(path: string): Promise<void> {
    await Promise.resolve()
    this.operate()
    if (!this.names.delete(path)) throw failure('ENOENT', path)
  }

  async syncFolder(path: string): Promise<void> {
    await Promise.resolve()
    this.operate()
    const inside = (name: string): boolean => name.slice(0, name.lastIndexOf('/')) === path
    for (const name of [...this.durableNames.keys()])
      if (inside(name)) this.durableNames.delete(name)
    for (const [name, inode] of this.names) if (inside(name)) this.durableNames.set(name, inode)
  }

  touch(path: string): Promise<void> {
    this.inode(path).touchedAt = this.now()
    return Promise.resolve()
  }

  ageMs(path: string): Promise<number> {
    return Promise.resolve(this.now() - this.inode(path).touchedAt)
  }

  /** Counts a changing operation, and fails it when its time has come. */
  operate(): void {
    this.operations++
    if (this.fault !== undefined && this.operations >= this.fault.atOperation) {
      throw failure(this.fault.code, 'disk')
    }
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path)
    if (inode === undefined) throw failure('ENOENT', path)
    return inode
  }
}

class MemoryFile implements DiskFile {
  private readonly disk: MemoryDisk
  private readonly inode: Inode

  constructor(disk: MemoryDisk, inode: Inode) {
    this.disk = disk
    this.inode = inode
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(Buffer.from(this.inode.bytes.subarray(position, position + length)))
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await Promise.resolve()
    this.disk.operate()
    const { inode } = this
    const end = position + bytes.length
    if (end > inode.bytes.length) {
      inode.bytes = Buffer.concat([inode.bytes, Buffer.alloc(end - inode.bytes.length)])
    }
    inode.bytes.set(bytes, position)
  }

  async sync(): Promise<void> {
    await Promise.resolve()
    this.disk.operate()
    this.inode.durable = Buffer.from(this.inode.bytes)
  }

  size(): Promise<number> {
    return Promise.resolve(this.inode.bytes.length)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
