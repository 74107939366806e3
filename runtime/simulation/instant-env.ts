/**
 * An environment in which everything happens at once: for reading a simulated disk from outside,
 * while the simulation stands still. It counts no faults and changes nothing unless asked to.
 */
import type { Disk, DiskFile, Env } from '../env/env.js'
import type { DiskImage } from './disk-image.js'
import type { FileContent } from './file-content.js'
import { Random } from './random.js'

/** @param now virtual ms */
export function instantEnv(image: DiskImage, now: number): Env {
  const random = new Random(0x51ed, 'instant')
  return {
    clock: { now: () => Math.floor(now), monotonic: () => now },
    chance: { next: () => random.next(), bytes: (length) => random.bytes(length) },
    timers: {
      after: () => ({ cancel: () => undefined }),
      soon: () => {
        throw new Error('nothing is delayed here')
      },
    },
    disk: instantDisk(image, now),
    processes: {
      self: { pid: 0, startedAt: 'instant', place: 'simulation' },
      cores: 1,
      end: (sentence) => {
        throw new Error(sentence)
      },
      fate: () => 'gone',
    },
  }
}

function instantDisk(image: DiskImage, now: number): Disk {
  const done = <T>(apply: () => T): Promise<T> =>
    new Promise((resolve) => {
      resolve(apply())
    })
  return {
    makeFolder: (path) =>
      done(() => {
        if (!image.has(path)) image.makeFolder(path)
      }),
    makeNewFolder: (path) =>
      done(() => {
        image.makeFolder(path)
      }),
    list: (path) => done(() => image.list(path)),
    open: (path, mode) =>
      done(() => fileOf(image, mode === 'create' ? image.create(path, now) : image.get(path))),
    existsNow: (path) => image.has(path),
    rename: (from, to) =>
      done(() => {
        image.rename(from, to)
      }),
    remove: (path) =>
      done(() => {
        image.remove(path)
      }),
    removeTree: (path) =>
      done(() => {
        image.removeTree(path)
      }),
    syncFolder: (path) =>
      done(() => {
        image.syncFolder(path)
      }),
    touch: () => Promise.resolve(),
    ageMs: (path) => done(() => now - image.get(path).touchedAt),
    copyMode: () => Promise.resolve(),
    freeBytes: () => Promise.resolve(Infinity),
    realPath: (path) => Promise.resolve(path),
  }
}

function fileOf(image: DiskImage, content: FileContent): DiskFile {
  return {
    read: (position, length) => Promise.resolve(content.read(position, length)),
    write: (bytes, position) => {
      content.write(bytes, position)
      return Promise.resolve()
    },
    sync: () => {
      image.syncFile(content)
      return Promise.resolve()
    },
    size: () => Promise.resolve(content.size),
    close: () => Promise.resolve(),
  }
}
