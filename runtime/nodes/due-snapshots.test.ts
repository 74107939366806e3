import { describe, expect, it } from 'vitest'
import { limits } from '../limits.js'
import { startDueSnapshot } from './due-snapshots.js'

/** A snapshotter of a shard whose journal has grown so far. */
class Growing {
  active = false
  due: number

  constructor(due: number) {
    this.due = due
  }

  tick(): void {
    if (this.due < 1) return
    this.active = true
    this.due = 0
  }

  done(): void {
    this.active = false
  }
}

describe('snapshots of a node', () => {
  it('are written few at a time, those first that are due longest', () => {
    const shards = [1.1, 0.9, 1.5, 1.2, 1.3].map((due) => new Growing(due))
    const order: number[][] = []
    for (let tick = 0; tick < 4; tick++) {
      for (let more = 0; more < shards.length; more++) startDueSnapshot(shards)
      const active = [...shards.keys()].filter((shard) => shards[shard]!.active)
      expect(active.length).toBeLessThanOrEqual(limits.snapshotsAtOnce)
      order.push(active)
      for (const shard of active) shards[shard]!.done()
    }
    expect(order).toEqual([[2, 4], [0, 3], [], []])
    startDueSnapshot([])
  })
})
