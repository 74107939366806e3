import { journalContract } from '../journal.contract.js'
import { MemoryJournal } from './memory-journal.js'

journalContract('the journal in memory', () => {
  const journal = new MemoryJournal()
  return {
    open: (lanes) => {
      journal.open()
      return Promise.resolve(lanes.map((shards) => journal.lane(new Set(shards))))
    },
    read: (shard, after) =>
      Promise.resolve(journal.read(new Set([shard]), new Map([[shard, after]]))),
    failNextAppend: () => {
      journal.onAppend = () => {
        journal.onAppend = undefined
        return Promise.reject(new Error('no'))
      }
    },
  }
})
