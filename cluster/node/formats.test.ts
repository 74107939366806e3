import { expect, it } from 'vitest'
import type { KeyBucket } from '../../transport/index.js'
import { emptyMap, encodeMap } from '../placement/shard-map.js'
import { checkFormatOfCluster } from './formats.js'

/** A bucket whose map was these values, one after the other. */
function bucketOf(...values: readonly Uint8Array[]): KeyBucket {
  const entries = values.map((value, i) => ({ key: 'map', value, revision: i + 1, created: 0 }))
  return {
    get: () => Promise.resolve(entries.at(-1)),
    history: () => Promise.resolve(entries),
  } as unknown as KeyBucket
}

const nonsense = Buffer.from('{}')

it('F2: of a map that was written over, the one before counts', async () => {
  const join = (format: number) =>
    checkFormatOfCluster(bucketOf(encodeMap(emptyMap(4, 1, format)), nonsense), [1, 2])
  await join(2)
  await expect(join(3)).rejects.toMatchObject({ code: 'newer_format' })
})

it('F2: where nothing but nonsense is kept, or what newer code wrote stands, nobody joins', async () => {
  const join = (...values: Uint8Array[]) => checkFormatOfCluster(bucketOf(...values), [1, 2])
  await expect(join(nonsense)).rejects.toMatchObject({ code: 'damaged' })
  const newer = Buffer.from('{"layout":2}')
  await expect(join(encodeMap(emptyMap(4, 1)), newer)).rejects.toMatchObject({
    code: 'newer_format',
  })
})
