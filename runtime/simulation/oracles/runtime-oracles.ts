/**
 * The oracles every run has, whatever its actors do: keys, answers, ordinals, pairs of shards.
 * What the disk holds against what was let out is judged in `history.ts`.
 */
import { pack } from '../../../transport/index.js'
import type { CommittedFrame, EndView, OracleFactory } from '../oracle.js'
import { beginning } from '../process.js'
import type { Operation } from '../workload.js'

const keyOf = ({ request }: Operation): string =>
  JSON.stringify([request.address, request.name, request.key, request.input])

/** Ordinals are dense, epochs never go back, times neither. */
export const denseOrdinals: OracleFactory = {
  name: 'dense ordinals',
  create: ({ violation }) => {
    const last = new Map<number, CommittedFrame>()
    return {
      name: 'dense ordinals',
      committed: (frame) => {
        const before = last.get(frame.shard)
        const next = before === undefined ? 1 : before.firstOrdinal + before.count
        const where = `shard ${frame.shard}, ordinal ${frame.firstOrdinal}`
        if (frame.firstOrdinal !== next) violation(`${where}: ${next} was due`)
        if (before !== undefined && frame.epoch < before.epoch) {
          violation(`${where}: epoch ${frame.epoch} after ${before.epoch}`)
        }
        if (before !== undefined && frame.time < before.time) {
          violation(`${where}: shard time went back from ${before.time} to ${frame.time}`)
        }
        last.set(frame.shard, frame)
      },
    }
  },
}

/** Further ahead of the true time than this, shard time has believed a clock that jumped. */
const aheadMsMax = 30 * 60_000

/** Shard time follows the clock, but no clock that jumps far ahead: what is held would expire. */
export const timeFollowsClock: OracleFactory = {
  name: 'time follows the clock',
  create: ({ violation }) => ({
    name: 'time follows the clock',
    committed: ({ shard, firstOrdinal, time, writtenAt }) => {
      const ahead = time - beginning - writtenAt
      if (ahead <= aheadMsMax) return
      violation(
        `shard ${shard}, ordinal ${firstOrdinal}: shard time is ${Math.round(ahead / 60_000)} minutes ahead`,
      )
    },
  }),
}

/** A key takes effect once, and what was definitely refused by the runtime never did. */
export const appliedOnce: OracleFactory = {
  name: 'applied once',
  create: ({ violation }) => {
    const turns = new Map<string, string>()
    return {
      name: 'applied once',
      committed: (frame) => {
        for (const turn of frame.turns) {
          for (const { operation, mayBeUnbound } of turn.keys) {
            if (mayBeUnbound) continue
            const key = keyOf(operation)
            const where = `shard ${turn.shard}, ordinal ${turn.ordinal}`
            const before = turns.get(key)
            if (before !== undefined) violation(`${key} took effect twice: ${before} and ${where}`)
            turns.set(key, where)
          }
        }
      },
      finished: ({ operations }) => {
        for (const [key, attempts] of attemptsByKey(operations)) {
          const refused = attempts.every(
            ({ result }) => result?.type === 'fault' && result.outcome === 'not_executed',
          )
          if (refused && turns.has(key)) {
            violation(`${key} was not executed, as its client was told, but did take effect`)
          }
        }
      },
    }
  },
}

/** Whoever asks again with the same key gets the first answer again, and never a second "done". */
export const sameAnswer: OracleFactory = {
  name: 'same answer',
  create: ({ violation, sometimes, passingRefusals }) => ({
    name: 'same answer',
    finished: ({ operations }) => {
      for (const [key, attempts] of attemptsByKey(operations)) {
        const answers = new Set<string>()
        let firsts = 0
        for (const { result } of attempts) {
          if (result === undefined || result.type === 'fault') continue
          if (result.type === 'refused' && passingRefusals?.has(result.code) === true) continue
          if (!result.replayed) firsts++
          else sometimes('answer given again')
          const answer = result.type === 'answered' ? result.value : [result.code, result.detail]
          answers.add(`${result.type} ${Buffer.from(pack(answer)).toString('hex')}`)
        }
        if (answers.size > 1) violation(`${key} was answered in ${answers.size} ways`)
        if (firsts > 1 && answers.size === 1 && [...answers][0]!.startsWith('answered')) {
          violation(`${key} was answered as done for the first time ${firsts} times`)
        }
      }
    },
  }),
}

/** At the end both sides of every pair of shards agree, and nobody is owed anything. */
export const pairsAgree: OracleFactory = {
  name: 'pairs agree',
  create: ({ violation }) => ({
    name: 'pairs agree',
    finished: ({ status, silentPairs }: EndView) => {
      for (const { from, to } of silentPairs) violation(`shard ${to} stays silent to ${from}`)
      for (const { shard, disagreements, outboxMessages } of status) {
        for (const sentence of disagreements) violation(`shard ${shard}: ${sentence}`)
        if (outboxMessages > 0) violation(`shard ${shard} still owes ${outboxMessages} messages`)
      }
    },
  }),
}

function attemptsByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>()
  for (const operation of operations) {
    if (operation.request.key === undefined || operation.request.type !== 'command') continue
    const key = keyOf(operation)
    const attempts = byKey.get(key)
    if (attempts === undefined) byKey.set(key, [operation])
    else attempts.push(operation)
  }
  return byKey
}

/** What every run is judged by. */
export const runtimeOracles: readonly OracleFactory[] = [
  denseOrdinals,
  timeFollowsClock,
  appliedOnce,
  sameAnswer,
  pairsAgree,
]
