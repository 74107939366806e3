/**
 * The bytes of a simulated file: as they are, and as its last sync left them. Copies share their bytes
 * until one of them is written to, so that trying damage on a copy of the disk costs little.
 */
import type { FaultKind } from './faults.js'
import type { Random } from './random.js'

export const sectorBytes = 512

/** Bytes a fault changed. */
interface Mark {
  readonly kind: FaultKind
  readonly from: number
  readonly to: number
}

/** What a sync overwrote, to play a sync that lied. */
export interface SyncUndo {
  readonly file: FileContent
  readonly size: number
  readonly from: number
  readonly before: Buffer
}

const nothing = Buffer.alloc(0)

/** Content of a file, whatever its names are. */
export class FileContent {
  size = 0
  durableSize = 0
  touchedAt = 0
  marks: Mark[] = []
  private data: Buffer = nothing
  private durable: Buffer = nothing
  /** True while the bytes may be those of another content, too. */
  private sharesData = true
  private sharesDurable = true
  /** Bytes written since the last sync: somewhere in here. */
  private dirtyFrom = Infinity
  private dirtyTo = 0

  /** Bytes as they are; not to be written to. */
  get bytes(): Buffer {
    return this.data.subarray(0, this.size)
  }

  read(position: number, length: number): Buffer {
    return Buffer.from(this.data.subarray(position, Math.min(position + length, this.size)))
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    const end = position + bytes.length
    this.ownData(end)
    this.data.set(bytes, position)
    this.size = Math.max(this.size, end)
    this.dirtyFrom = Math.min(this.dirtyFrom, position)
    this.dirtyTo = Math.max(this.dirtyTo, end)
  }

  /** Changes bytes without a trace: the disk did it, not a write. */
  damage(bytes: Uint8Array, position: number): void {
    this.ownData(this.size)
    this.data.set(bytes, position)
  }

  /** Makes everything durable. @returns what undoes it */
  sync(): SyncUndo {
    const from = Math.min(floor(this.dirtyFrom), this.durableSize)
    const to = Math.min(this.dirtyTo, this.durableSize)
    const before = Buffer.from(this.durable.subarray(from, Math.max(from, to)))
    const undo = { file: this, size: this.durableSize, from, before }
    if (this.durableSize === 0) this.shareDurable()
    else if (this.dirtyTo > this.dirtyFrom) {
      this.ownDurable(this.size)
      this.data.copy(this.durable, this.dirtyFrom, this.dirtyFrom, this.dirtyTo)
    }
    this.durableSize = this.size
    this.clean()
    return undo
  }

  /** The sync never was. */
  undo({ size, from, before }: SyncUndo): void {
    this.ownDurable(this.durableSize)
    this.durable.set(before, from)
    this.durableSize = size
  }

  /** What was not synced never was. */
  forget(): void {
    this.data = this.durable
    this.sharesData = this.sharesDurable = true
    this.size = this.durableSize
    this.clean()
  }

  copy(): FileContent {
    const copy = new FileContent()
    this.sharesData = this.sharesDurable = true
    copy.data = this.data
    copy.durable = this.durable
    copy.size = this.size
    copy.durableSize = this.durableSize
    copy.touchedAt = this.touchedAt
    copy.dirtyFrom = this.dirtyFrom
    copy.dirtyTo = this.dirtyTo
    return copy
  }

  /** Power was lost: each unsynced sector is old or new. */
  losePower(random: Random): void {
    if (this.dirtyTo <= this.dirtyFrom && this.size === this.durableSize) return
    const after = Buffer.alloc(random.chance(0.5) ? this.size : this.durableSize)
    this.durable.copy(after, 0, 0, Math.min(after.length, this.durableSize))
    const fate = random.pick(['none', 'some', 'some', 'some', 'some', 'all'] as const)
    let lostBefore = false
    for (let at = floor(this.dirtyFrom); at < this.dirtyTo; at += sectorBytes) {
      const to = at + sectorBytes
      const differs = this.differs(at, Math.min(to, this.size))
      if (fate === 'all' || (fate === 'some' && random.chance(0.5))) {
        if (at < after.length) this.data.copy(after, at, at, Math.min(to, after.length))
        if (differs && lostBefore) this.marks.push({ kind: 'pages_reordered', from: at, to })
      } else if (differs) {
        lostBefore = true
        this.marks.push({ kind: 'unsynced_data_lost', from: at, to })
      }
    }
    this.data = after
    this.size = after.length
    this.shareDurable()
    this.durableSize = after.length
    this.clean()
  }

  private differs(from: number, to: number): boolean {
    const durable = this.durable.subarray(from, Math.min(to, this.durableSize))
    return !this.data.subarray(from, to).equals(durable)
  }

  private clean(): void {
    this.dirtyFrom = Infinity
    this.dirtyTo = 0
  }

  private shareDurable(): void {
    this.durable = this.data
    this.sharesData = this.sharesDurable = true
  }

  private ownData(length: number): void {
    if (!this.sharesData && length <= this.data.length) return
    this.data = grown(this.data, this.size, length)
    this.sharesData = false
  }

  private ownDurable(length: number): void {
    if (!this.sharesDurable && length <= this.durable.length) return
    this.durable = grown(this.durable, this.durableSize, length)
    this.sharesDurable = false
  }
}

function floor(position: number): number {
  return Math.floor(position / sectorBytes) * sectorBytes
}

/** A copy with room for more; what is behind the used part is zeros. */
function grown(bytes: Buffer, used: number, length: number): Buffer {
  const room =
    length <= used ? used : length <= bytes.length ? bytes.length : Math.max(length, used * 2)
  const copy = Buffer.alloc(room)
  bytes.copy(copy, 0, 0, used)
  return copy
}
