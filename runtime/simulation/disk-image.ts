/**
 * What stands on a simulated disk, and what of it would survive a power loss. All here is immediate;
 * time and failures are added by `simulated-disk.ts`.
 *
 * D1. Data is durable after its file's sync, a name after its folder's sync. A power loss keeps any
 *     part of the rest: each sector old or new, each name as it was or as it is.
 * D2. Marks remember what a fault changed; it has bitten when somebody reads there.
 */
import { dirname } from 'node:path'
import type { FaultCounts, FaultKind } from './faults.js'
import type { Random } from './random.js'

export const sectorBytes = 512

/** Bytes a fault changed. */
interface Mark {
  readonly kind: FaultKind
  readonly from: number
  readonly to: number
}

/** Content of a file, whatever its names are. */
export class FileContent {
  data: Buffer = Buffer.alloc(0)
  size = 0
  durable: Buffer = Buffer.alloc(0)
  durableSize = 0
  touchedAt = 0
  readonly dirty = new Set<number>()
  marks: Mark[] = []

  read(position: number, length: number): Buffer {
    return Buffer.from(this.data.subarray(position, Math.min(position + length, this.size)))
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    if (end > this.data.length) {
      const grown = Buffer.alloc(Math.max(end, this.data.length * 2))
      this.data.copy(grown, 0, 0, this.size)
      this.data = grown
    }
    this.data.set(bytes, position)
    this.size = Math.max(this.size, end)
    for (let s = Math.floor(position / sectorBytes); s * sectorBytes < end; s++) this.dirty.add(s)
  }

  /** Makes everything durable. @returns what undoes it */
  sync(): SyncUndo {
    const sectors = [...this.dirty].map((sector): [number, Buffer] => {
      const at = sector * sectorBytes
      return [sector, Buffer.from(this.durable.subarray(at, at + sectorBytes))]
    })
    const undo = { file: this, size: this.durableSize, sectors }
    if (this.durable.length < this.size) {
      const grown = Buffer.alloc(this.data.length)
      this.durable.copy(grown)
      this.durable = grown
    }
    for (const sector of this.dirty) {
      const at = sector * sectorBytes
      this.data.copy(this.durable, at, at, Math.min(at + sectorBytes, this.size))
    }
    this.durableSize = this.size
    this.dirty.clear()
    return undo
  }

  copy(): FileContent {
    const copy = new FileContent()
    copy.data = Buffer.from(this.data.subarray(0, this.size))
    copy.durable = Buffer.from(this.durable.subarray(0, this.durableSize))
    copy.size = this.size
    copy.durableSize = this.durableSize
    copy.touchedAt = this.touchedAt
    for (const sector of this.dirty) copy.dirty.add(sector)
    return copy
  }

  /** Power was lost: each unsynced sector is old or new. */
  losePower(random: Random): void {
    if (this.dirty.size === 0 && this.size === this.durableSize) return
    const keepSize = random.chance(0.5)
    const after = Buffer.alloc(keepSize ? this.size : this.durableSize)
    this.durable.copy(after, 0, 0, Math.min(after.length, this.durableSize))
    const fate = random.pick(['none', 'some', 'some', 'all'] as const)
    let lostBefore = false
    for (const sector of [...this.dirty].sort((a, b) => a - b)) {
      const at = sector * sectorBytes
      const to = Math.min(at + sectorBytes, after.length)
      const differs = !sameBytes(this.data, this.durable, at, Math.min(at + sectorBytes, this.size))
      if (fate === 'all' || (fate === 'some' && random.chance(0.5))) {
        if (at < to) this.data.copy(after, at, at, to)
        if (differs && lostBefore) this.marks.push({ kind: 'pages_reordered', from: at, to })
      } else if (differs) {
        lostBefore = true
        this.marks.push({ kind: 'unsynced_data_lost', from: at, to: at + sectorBytes })
      }
    }
    this.data = after
    this.size = after.length
    this.durable = Buffer.from(after)
    this.durableSize = after.length
    this.dirty.clear()
  }
}

function sameBytes(a: Buffer, b: Buffer, from: number, to: number): boolean {
  return a.subarray(from, to).equals(b.subarray(from, Math.min(to, b.length)))
}

/** What a sync overwrote, to play a sync that lied. */
export interface SyncUndo {
  readonly file: FileContent
  readonly size: number
  readonly sectors: readonly (readonly [sector: number, before: Buffer])[]
}

export class DiskError extends Error {
  constructor(
    readonly code: string,
    path: string,
  ) {
    super(`${code}: ${path}`)
  }
}

/** Syncs that can be undone. */
const undosKept = 6

export class DiskImage {
  names = new Map<string, FileContent>()
  durableNames = new Map<string, FileContent>()
  /** The newest syncs, oldest first. */
  undos: SyncUndo[] = []
  /** Names a power loss changed. */
  readonly lostNames = new Set<string>()

  list(folder: string): string[] {
    const found: string[] = []
    for (const name of this.names.keys()) {
      if (dirname(name) === folder) found.push(name.slice(folder.length + 1))
    }
    return found.sort()
  }

  get(path: string): FileContent {
    const content = this.names.get(path)
    if (content === undefined) throw new DiskError('ENOENT', path)
    return content
  }

  create(path: string, now: number): FileContent {
    if (this.names.has(path)) throw new DiskError('EEXIST', path)
    const content = new FileContent()
    content.touchedAt = now
    this.names.set(path, content)
    return content
  }

  rename(from: string, to: string): void {
    this.names.set(to, this.get(from))
    this.names.delete(from)
  }

  remove(path: string): void {
    this.get(path)
    this.names.delete(path)
  }

  syncFile(content: FileContent): void {
    this.undos.push(content.sync())
    if (this.undos.length > undosKept) this.undos.shift()
  }

  syncFolder(folder: string): void {
    for (const name of this.durableNames.keys()) {
      if (dirname(name) === folder && !this.names.has(name)) this.durableNames.delete(name)
    }
    for (const [name, content] of this.names) {
      if (dirname(name) === folder) this.durableNames.set(name, content)
    }
  }

  /** The machine lost power: what was not synced may be gone. */
  losePower(random: Random): void {
    const names = new Map<string, FileContent>()
    for (const path of new Set([...this.names.keys(), ...this.durableNames.keys()])) {
      const now = this.names.get(path)
      const before = this.durableNames.get(path)
      const keepsNow = now === before || random.chance(0.5)
      const found = keepsNow ? now : before
      if (!keepsNow) this.lostNames.add(path)
      if (found !== undefined) names.set(path, found)
    }
    this.names = names
    this.durableNames = new Map(names)
    for (const content of new Set(names.values())) content.losePower(random)
    this.undos = []
  }

  /** Counts the faults a reader of these bytes meets. */
  meet(content: FileContent, position: number, length: number, counts: FaultCounts): void {
    if (content.marks.length === 0) return
    const met = content.marks.filter(({ from, to }) => from < position + length && to > position)
    if (met.length === 0) return
    content.marks = content.marks.filter((mark) => !met.includes(mark))
    for (const kind of new Set(met.map((mark) => mark.kind))) counts.add(kind)
  }

  /** Counts the lost names somebody looking for them meets. */
  meetName(path: string, counts: FaultCounts): void {
    if (this.lostNames.delete(path)) counts.add('unsynced_name_lost')
  }

  meetFolder(folder: string, counts: FaultCounts): void {
    for (const path of this.lostNames) if (dirname(path) === folder) this.meetName(path, counts)
  }

  /** A copy with the same content, durable and not, to try things on. */
  copy(): DiskImage {
    const image = new DiskImage()
    const copies = new Map<FileContent, FileContent>()
    const copyOf = (content: FileContent): FileContent => {
      let copy = copies.get(content)
      if (copy === undefined) copies.set(content, (copy = content.copy()))
      return copy
    }
    for (const [path, content] of this.names) image.names.set(path, copyOf(content))
    for (const [path, content] of this.durableNames) image.durableNames.set(path, copyOf(content))
    image.undos = this.undos.flatMap((undo) => {
      const file = copies.get(undo.file)
      return file === undefined ? [] : [{ ...undo, file }]
    })
    return image
  }
}
