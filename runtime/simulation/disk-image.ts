/**
 * What stands on a simulated disk, and what of it would survive a power loss. All here is immediate;
 * time and failures are added by `simulated-disk.ts`.
 *
 * D1. Data is durable after its file's sync, a name after its folder's sync. A power loss keeps any
 *     part of the rest: each sector old or new, each name as it was or as it is. A folder that goes
 *     takes with it what is in it, synced or not.
 * D2. Marks remember what a fault changed; it has bitten when somebody reads there.
 */
import type { FaultCounts } from './faults.js'
import { FileContent, type SyncUndo } from './file-content.js'
import type { Random } from './random.js'

export class DiskError extends Error {
  constructor(
    readonly code: string,
    path: string,
  ) {
    super(`${code}: ${path}`)
  }
}

/** Names in a folder: as they are, and as the last sync of the folder left them. */
class Folder {
  now = new Map<string, Named>()
  durable = new Map<string, Named>()
}

type Named = FileContent | Folder

/** Syncs that can be undone. */
const undosKept = 6

export class DiskImage {
  /** The newest syncs, oldest first. */
  undos: SyncUndo[] = []
  /** Names a power loss changed, and folders it took. */
  readonly lostNames = new Set<string>()
  readonly lostFolders = new Set<string>()
  private root = new Folder()
  /** By path: every folder there is now. */
  private folders = new Map<string, Folder>([['/', this.root]])

  has(path: string): boolean {
    return this.folders.has(path) || this.folders.get(around(path))?.now.has(nameIn(path)) === true
  }

  list(folder: string): string[] {
    return [...(this.folders.get(folder)?.now.keys() ?? [])].sort()
  }

  /** All files with their paths. */
  *files(): Generator<readonly [path: string, content: FileContent]> {
    for (const [path, folder] of this.folders) {
      for (const [name, found] of folder.now) {
        if (found instanceof FileContent) yield [join(path, name), found]
      }
    }
  }

  get(path: string): FileContent {
    const found = this.find(path)
    if (found !== undefined) return found
    throw new DiskError('ENOENT', path)
  }

  /** A file; undefined where there is none, or a folder. */
  find(path: string): FileContent | undefined {
    const found = this.folders.get(around(path))?.now.get(nameIn(path))
    return found instanceof FileContent ? found : undefined
  }

  create(path: string, now: number): FileContent {
    if (this.has(path)) throw new DiskError('EEXIST', path)
    const content = new FileContent()
    content.touchedAt = now
    this.folderAround(path).now.set(nameIn(path), content)
    return content
  }

  /** Puts a file where it is looked for, with the folders around it. */
  place(path: string, content: FileContent): void {
    const folder = around(path)
    for (let at = 0; at >= 0 && folder !== '/';) {
      at = folder.indexOf('/', at + 1)
      const outer = at < 0 ? folder : folder.slice(0, at)
      if (!this.has(outer)) this.makeFolder(outer)
    }
    this.folderAround(path).now.set(nameIn(path), content)
  }

  /** Makes one folder; the one around it must be there. */
  makeFolder(path: string): void {
    if (this.has(path)) throw new DiskError('EEXIST', path)
    const folder = new Folder()
    this.folderAround(path).now.set(nameIn(path), folder)
    this.folders.set(path, folder)
  }

  rename(from: string, to: string): void {
    const folder = this.folders.get(from)
    const moved = folder ?? this.get(from)
    this.folderAround(to).now.set(nameIn(to), moved)
    this.folderAround(from).now.delete(nameIn(from))
    if (folder !== undefined) this.repath(from, to)
  }

  remove(path: string): void {
    this.get(path)
    this.folderAround(path).now.delete(nameIn(path))
  }

  removeTree(path: string): void {
    this.folderAround(path).now.delete(nameIn(path))
    this.repath(path, undefined)
  }

  syncFile(content: FileContent): void {
    this.undos.push(content.sync())
    if (this.undos.length > undosKept) this.undos.shift()
  }

  syncFolder(path: string): void {
    const folder = this.folders.get(path)
    if (folder === undefined) throw new DiskError('ENOENT', path)
    folder.durable = new Map(folder.now)
  }

  /** The machine lost power: what was not synced may be gone. */
  losePower(random: Random): void {
    this.folders = new Map()
    this.loseNames('/', this.root, random)
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
    if (this.lostNames.size > 0 && this.lostNames.delete(path)) counts.add('unsynced_name_lost')
    if (this.lostFolders.size > 0 && this.lostFolders.delete(path)) {
      counts.add('unsynced_folder_lost')
    }
  }

  meetFolder(folder: string, counts: FaultCounts): void {
    this.meetName(folder, counts)
    for (const path of this.lostNames) if (around(path) === folder) this.meetName(path, counts)
  }

  /** A copy with the same content, durable and not, to try things on. */
  copy(): DiskImage {
    const image = new DiskImage()
    const copies = new Map<Named, Named>()
    image.root = copyOf(this.root, copies) as Folder
    for (const [path, folder] of this.folders) image.folders.set(path, copies.get(folder) as Folder)
    image.undos = this.undos.flatMap((undo) => {
      const file = copies.get(undo.file)
      return file instanceof FileContent ? [{ ...undo, file }] : []
    })
    return image
  }

  private folderAround(path: string): Folder {
    const folder = this.folders.get(around(path))
    if (folder === undefined) throw new DiskError('ENOENT', path)
    return folder
  }

  /** A folder has another path now, or none, and so have those in it. */
  private repath(from: string, to: string | undefined): void {
    for (const [path, folder] of [...this.folders]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.folders.delete(path)
      if (to !== undefined) this.folders.set(to + path.slice(from.length), folder)
    }
  }

  private loseNames(path: string, folder: Folder, random: Random): void {
    const kept = new Map<string, Named>()
    this.folders.set(path, folder)
    for (const name of new Set([...folder.now.keys(), ...folder.durable.keys()])) {
      const now = folder.now.get(name)
      const before = folder.durable.get(name)
      const keepsNow = now === before || random.chance(0.5)
      const found = keepsNow ? now : before
      if (!keepsNow) {
        const lost = now instanceof Folder ? this.lostFolders : this.lostNames
        lost.add(join(path, name))
      }
      if (found === undefined) continue
      kept.set(name, found)
      if (found instanceof Folder) this.loseNames(join(path, name), found, random)
      else found.losePower(random)
    }
    folder.now = kept
    folder.durable = new Map(kept)
  }
}

function copyOf(found: Named, copies: Map<Named, Named>): Named {
  const known = copies.get(found)
  if (known !== undefined) return known
  if (found instanceof FileContent) {
    const content = found.copy()
    copies.set(found, content)
    return content
  }
  const folder = new Folder()
  copies.set(found, folder)
  for (const [name, inside] of found.now) folder.now.set(name, copyOf(inside, copies))
  for (const [name, inside] of found.durable) folder.durable.set(name, copyOf(inside, copies))
  return folder
}

/** Path of the folder something is in. */
function around(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}
