/**
 * Faults that destroy what was durable: a flipped bit, a write in the wrong place, a sync that lied.
 * No journal survives them; it must say so. Each is tried on a copy of the disk, which is then opened:
 * it must be refused, or be whole, or the loss must be found by comparing with what was released. One
 * damaged snapshot is survived: the one before it is kept, and the journal from there on.
 */
import { OpenRefused } from '../errors.js'
import { openFolder } from '../journal/file/index.js'
import { recoverShards } from '../threads/recover-shards.js'
import type { Kinds } from '../actor/kinds.js'
import type { DiskImage } from './disk-image.js'
import type { FileContent } from './file-content.js'
import type { FaultCounts } from './faults.js'
import type { History } from './history.js'
import { instantEnv } from './instant-env.js'
import type { Random } from './random.js'

/** What damage is tried with. */
export interface DamageScope {
  readonly image: DiskImage
  readonly history: History
  readonly kinds: Kinds
  readonly shards: number
  readonly dataDir: string
  readonly keyRetentionMs: number
  readonly now: number
  readonly random: Random
  readonly counts: FaultCounts
  violation(sentence: string): void
}

export const damageKinds = ['bit_rot', 'snapshot_rot', 'misdirected_write', 'lying_sync'] as const
export type DamageKind = (typeof damageKinds)[number]

/**
 * Tries one kind of damage on a copy of the disk.
 * @param sealed after a clean close nothing may be lost without a refusal
 */
export async function tryDamage(
  scope: DamageScope,
  kind: DamageKind,
  sealed: boolean,
): Promise<'refused' | 'loss found' | 'whole'> {
  const copy = scope.image.copy()
  if (!damage[kind](copy, scope.random)) return 'whole'
  const outcome = await open(scope, copy, sealed)
  if (kind === 'snapshot_rot') {
    if (outcome !== 'whole') scope.violation(`one bad snapshot of two, and the folder: ${outcome}`)
    scope.counts.add(kind)
  } else if (outcome !== 'whole') scope.counts.add(kind)
  return outcome
}

async function open(
  scope: DamageScope,
  image: DiskImage,
  sealed: boolean,
): Promise<'refused' | 'loss found' | 'whole'> {
  const { dataDir, shards, kinds, keyRetentionMs, history } = scope
  const env = instantEnv(image, scope.now)
  try {
    const { plan } = await openFolder(env, { dataDir, shards })
    const recovery = { thread: 0, threads: 1, shards, dataDir, plan, keyRetentionMs }
    const states = await recoverShards(env, recovery, kinds)
    const verdict = history.judgeCopy(plan, states)
    if (verdict === 'loss found' && sealed) {
      scope.violation('a cleanly closed folder lost frames and opened all the same')
    }
    if (verdict === 'changed') {
      scope.violation('a damaged folder opened with a state no journal ever had')
      return 'whole'
    }
    return verdict
  } catch (error) {
    if (error instanceof OpenRefused) return 'refused'
    scope.violation(`a damaged folder does not open, without saying why: ${String(error)}`)
    return 'refused'
  }
}

/** @returns false when there was nothing to damage */
const damage: Record<DamageKind, (image: DiskImage, random: Random) => boolean> = {
  bit_rot: (image, random) => {
    const path = pickPath(image, random, '')
    if (path === undefined) return false
    const content = image.get(path)
    // Where something stands, not in the zeros that wait for it.
    const used = lengthWithoutZeros(content.bytes)
    if (used === 0) return false
    flipBit(content, random.whole(0, used - 1), random)
    return true
  },
  snapshot_rot: (image, random) => {
    const byFolder = new Map<string, string[]>()
    for (const [path] of image.files()) {
      const [, folder] = /^(\/data\/.*)\/[^/]+\.snap$/.exec(path) ?? []
      if (folder !== undefined) byFolder.set(folder, [...(byFolder.get(folder) ?? []), path])
    }
    const twice = [...byFolder.values()].filter(({ length }) => length > 1)
    if (twice.length === 0) return false
    const newest = random.pick(twice).sort().at(-1)!
    const content = image.get(newest)
    flipBit(content, random.whole(0, content.size - 1), random)
    return true
  },
  misdirected_write: (image, random) => {
    const from = pickPath(image, random, '.seg')
    const to = pickPath(image, random, '.seg')
    if (from === undefined || to === undefined) return false
    const source = image.get(from)
    const target = image.get(to)
    const used = lengthWithoutZeros(source.bytes)
    const length = Math.min(512, used, target.size)
    if (length === 0) return false
    const bytes = Buffer.from(source.bytes.subarray(used - length, used))
    target.damage(bytes, random.whole(0, target.size - length))
    return true
  },
  lying_sync: (image, random) => {
    const lies = image.undos.splice(-random.whole(1, 3))
    if (lies.length === 0) return false
    for (const lie of lies.reverse()) lie.file.undo(lie)
    for (const [, content] of image.files()) content.forget()
    return true
  },
}

function pickPath(image: DiskImage, random: Random, suffix: string): string | undefined {
  const paths: string[] = []
  for (const [path] of image.files())
    if (path.startsWith('/data/') && path.endsWith(suffix)) paths.push(path)
  return paths.length === 0 ? undefined : random.pick(paths.sort())
}

function flipBit(content: FileContent, at: number, random: Random): void {
  content.damage(Buffer.of(content.bytes[at]! ^ (1 << random.whole(0, 7))), at)
}

function lengthWithoutZeros(bytes: Buffer): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return length
}
