/** What a figure was measured on: without it a figure says nothing. */
import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly fileSystem: string
  readonly node: string
  readonly v8: string
  /** Load of the minute before: above zero others were at work too. */
  readonly loadBefore: number
}

/** Magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
}

export function describeMachine(folder: string, loadBefore: number): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    fileSystem: fileSystemOf(folder),
    node: process.version,
    v8: process.versions.v8,
    loadBefore,
  }
}

function fileSystemOf(folder: string): string {
  const magic = statfsSync(folder).type
  return fileSystems[magic] ?? `type 0x${magic.toString(16)}`
}

/** Bytes that can be had without swapping; everything where the system doesn't say. */
export function availableMemoryBytes(): number {
  try {
    const match = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))
    return match === null ? totalmem() : Number(match[1]) * 1024
  } catch {
    return totalmem()
  }
}
