import { describe, expect, it } from 'vitest'
import { decodeMap, emptyMap, encodeMap, MapBroken, type ShardMap } from './shard-map.js'

const map: ShardMap = {
  version: 9,
  term: 2,
  format: 1,
  draining: ['b=1'],
  shards: [
    { owner: 'a=1', ownedSince: 3, next: undefined, movingSince: 0, ready: false, pinned: true },
    { owner: 'a=1', ownedSince: 3, next: 'b=1', movingSince: 7, ready: true, pinned: false },
    {
      owner: undefined,
      ownedSince: 0,
      next: undefined,
      movingSince: 0,
      ready: false,
      pinned: false,
    },
  ],
}

function withShard(shard: Record<string, unknown>): Uint8Array {
  const json = JSON.parse(Buffer.from(encodeMap(map)).toString()) as Record<string, unknown>
  return Buffer.from(JSON.stringify({ ...json, shards: [shard] }))
}

function withField(name: string, value: unknown): Uint8Array {
  const json = JSON.parse(Buffer.from(encodeMap(map)).toString()) as Record<string, unknown>
  return Buffer.from(JSON.stringify({ ...json, [name]: value }))
}

describe('a shard map as it is kept', () => {
  it('is read back as it was written', () => {
    expect(decodeMap(encodeMap(map))).toEqual(map)
    expect(decodeMap(encodeMap(emptyMap(16, 1)))).toEqual(emptyMap(16, 1))
  })

  it.each([
    ['no JSON', Buffer.from('{"version":')],
    ['not UTF-8', Buffer.from([0xff, 0xfe])],
    ['a list', Buffer.from('[]')],
    ['no version', withField('version', undefined)],
    ['a version of 0', withField('version', 0)],
    ['a fraction as term', withField('term', 1.5)],
    ['no layout', withField('layout', 0)],
    ['no shards', withField('shards', [])],
    ['draining that is no list of ids', withField('draining', ['a b'])],
    ['a shard that is no object', withField('shards', [7])],
    ['a next without an owner', withShard({ next: 'b=1', movingSince: 4 })],
    ['ready without a next', withShard({ owner: 'a=1', ownedSince: 3, ready: true })],
    ['a move to its owner', withShard({ owner: 'a', ownedSince: 3, next: 'a', movingSince: 4 })],
    ['an owner of a later version', withShard({ owner: 'a=1', ownedSince: 10 })],
    [
      'a move before its owner',
      withShard({ owner: 'a', ownedSince: 5, next: 'b', movingSince: 4 }),
    ],
    ['an owner that is no id', withShard({ owner: '', ownedSince: 3 })],
  ])('P1: with %s is refused whole', (_, bytes) => {
    expect(() => decodeMap(bytes)).toThrow(MapBroken)
    expect(() => decodeMap(bytes)).toThrow(expect.objectContaining({ code: 'map_broken' }))
  })

  it('P1: of newer code is refused by another code, which says what to do', () => {
    expect(() => decodeMap(withField('layout', 2))).toThrow(
      expect.objectContaining({ code: 'map_newer', message: expect.stringContaining('upgrade') }),
    )
  })

  it('has 1 to 4,096 shards', () => {
    for (const shards of [0, 1.5, 4_097]) expect(() => emptyMap(shards, 1)).toThrow(RangeError)
  })
})
