/**
 * Where things lie in a data folder.
 *
 *   manifest                                   what the folder is
 *   epochs/0000000007                          epoch 7 has an owner: its identity. This file is the fence
 *   epochs/0000000007.claim-3f09…              whose epoch 7 is: while it is there, no successor has cleaned up
 *   epochs/0000000007.adopted                  what epoch 7 took over; makes it part of the lineage
 *   epochs/0000000007.lane-00000               lane 0 was opened, for these shards
 *   epochs/0000000007.truncated-00000          what lane 0 let go behind snapshots
 *   epochs/0000000007.sealing-00000            where lane 0 is about to put its seal
 *   epochs/0000000007.closed                   where each lane ended
 *   epochs/0000000007.released                 the owner left without a clean end, and says so
 *   journal/0000000007-00000-00000002.seg  third segment of lane 0 in epoch 7
 */
import { join } from 'node:path'

/** Lane number of the segment an opener writes last groups into. */
export const carriedLane = 65_535

/** Which segment it is. */
export interface SegmentName {
  readonly epoch: number
  readonly lane: number
  /** From 0. */
  readonly index: number
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0')

/** Suffix of files that are being written; they are renamed when they are whole and durable. */
export const temporarySuffix = '.tmp'

export const folders = {
  journal: (dataDir: string): string => join(dataDir, 'journal'),
  epochs: (dataDir: string): string => join(dataDir, 'epochs'),
}

export const manifestPath = (dataDir: string): string => join(dataDir, 'manifest')

/** Where an opener's manifest stands until it is whole: two of them may write one at the same time. */
export const manifestDraft = (dataDir: string, epoch: number): string =>
  `${manifestPath(dataDir)}-${epoch}${temporarySuffix}`

/** True for a draft of a manifest, of any opener. */
export const isManifestDraft = (name: string): boolean => /^manifest(-\d+)?\.tmp$/.test(name)

/** What an epoch's file is about; lanes have their own. */
export type EpochFileKind =
  'owner' | 'claim' | 'adopted' | 'closed' | 'released' | 'lane' | 'truncated' | 'sealing'

/** A file in the folder of epochs. */
export interface EpochFile {
  readonly epoch: number
  readonly kind: EpochFileKind
  readonly lane: number | undefined
  readonly name: string
}

const inEpochs = (dataDir: string, epoch: number, suffix: string): string =>
  join(folders.epochs(dataDir), `${digits(epoch, 10)}${suffix}`)

/** Paths of an epoch's files. */
export const epochPaths = {
  owner: (dataDir: string, epoch: number): string => inEpochs(dataDir, epoch, ''),
  /** @param mark 16 hex digits no other opener has */
  claim: (dataDir: string, epoch: number, mark: string): string =>
    inEpochs(dataDir, epoch, `.claim-${mark}`),
  adopted: (dataDir: string, epoch: number): string => inEpochs(dataDir, epoch, '.adopted'),
  closed: (dataDir: string, epoch: number): string => inEpochs(dataDir, epoch, '.closed'),
  released: (dataDir: string, epoch: number): string => inEpochs(dataDir, epoch, '.released'),
  lane: (dataDir: string, epoch: number, lane: number): string =>
    inEpochs(dataDir, epoch, `.lane-${digits(lane, 5)}`),
  truncated: (dataDir: string, epoch: number, lane: number): string =>
    inEpochs(dataDir, epoch, `.truncated-${digits(lane, 5)}`),
  sealing: (dataDir: string, epoch: number, lane: number): string =>
    inEpochs(dataDir, epoch, `.sealing-${digits(lane, 5)}`),
}

/** @returns undefined for names that are none of ours, such as temporary ones */
export function parseEpochFile(name: string): EpochFile | undefined {
  const match =
    /^(\d{10})(?:\.(?:(adopted|closed|released)|(lane|truncated|sealing)-(\d{5})|(claim)-[\da-f]{16}))?$/.exec(
      name,
    )
  if (match === null) return undefined
  const kind = (match[2] ?? match[3] ?? match[5] ?? 'owner') as EpochFileKind
  const lane = match[4] === undefined ? undefined : Number(match[4])
  return { epoch: Number(match[1]), kind, lane, name }
}

export function segmentName({ epoch, lane, index }: SegmentName): string {
  return `${digits(epoch, 10)}-${digits(lane, 5)}-${digits(index, 8)}.seg`
}

export function segmentPath(dataDir: string, name: SegmentName): string {
  return join(folders.journal(dataDir), segmentName(name))
}

/** @returns undefined for names that are none of ours, such as temporary ones */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^(\d{10})-(\d{5})-(\d{8})\.seg$/.exec(name)
  if (match === null) return undefined
  return { epoch: Number(match[1]), lane: Number(match[2]), index: Number(match[3]) }
}
