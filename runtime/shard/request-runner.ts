/**
 * How a shard serves client requests: idempotency keys, parking, answers.
 *
 * Q3. A key and the effect of its request stand in one frame; the first answer and every later one
 *     are built by the same code from the same data, so they are the same.
 * Q4. A request that waits holds nothing: when its token is woken it runs again from the start, and
 *     a key it left behind leads it to its answer.
 * Q7. Of a request whose key is known nobody is told that nothing was executed, but in answer to another
 *     request with that key: what it asks for may stand in the journal.
 * Q8. A key that carries its time and may have been forgotten is refused: it may have been executed.
 */
import type { Kind } from '../actor/kinds.js'
import { isRefusal, toldDetail, type Refusal } from '../actor/refusal.js'
import { isParked, isRemembered, isUnbound, type Remembered } from '../actor/turn.js'
import { runtimeCodes, type RuntimeCode } from '../errors.js'
import { limits } from '../limits.js'
import { recordKinds, type KeyRecord } from '../messaging/idempotency-table.js'
import { disownPromise, openRow, RowWriter } from '../../transport/index.js'
import { requested, type KeyInsert } from './committed-turn.js'
import { ParkedRequests, type ParkedRequest } from './parked-requests.js'
import { answerKinds, type AnswerKind, type QueuedRequest, type ShardRequest } from './requests.js'
import { ActorView } from './shard-view.js'
import type { Shard } from './shard.js'
import type { Wake } from './turn-part.js'

export class RequestRunner {
  private readonly shard: Shard
  readonly parked = new ParkedRequests()
  /** Packs answers that are kept with their keys. */
  private readonly kept = new RowWriter()

  constructor(shard: Shard) {
    this.shard = shard
  }

  handle(queued: QueuedRequest): void {
    const request = queued.open()
    const kind = this.shard.state.kinds.of(request.address)
    if (kind === undefined) {
      this.fault(
        request,
        'unknown_kind',
        `No kind is defined for the address "${request.address}".`,
      )
    } else if (request.type === 'query') this.query(request)
    else if (!kind.commands.has(request.name)) {
      this.fault(request, 'unknown_command', `${kind.name} has no command "${request.name}".`)
    } else if (!this.answerKnownKey(request, true)) this.command(kind, request)
  }

  /** Requests that are never shed: what ends something begun, and keys already known. */
  mustAccept(queued: QueuedRequest): boolean {
    const request = queued.open()
    const kind = this.shard.state.kinds.of(request.address)
    return kind?.neverShed.has(request.name) === true || this.isKnown(request)
  }

  /** Sends a request to the shard's next owner, unhandled. What its key is known for may have been done (Q7). */
  turnAway(queued: QueuedRequest, detail: string): void {
    const request = queued.open()
    this.fault(request, this.isKnown(request) ? 'outcome_unknown' : 'not_ready', detail)
  }

  /** Tells a request, unhandled, that the shard's storage takes nothing (G6). */
  stall(queued: QueuedRequest): void {
    const request = queued.open()
    const code = this.isKnown(request) ? 'outcome_unknown' : 'not_ready'
    this.shard.services.turnAway(request.id, code, stalled)
  }

  /** All that wait for a token hear the same. */
  stallParked(): void {
    for (const { request, note } of this.parked.takeAll()) {
      const code = note === undefined ? 'not_ready' : 'outcome_unknown'
      this.shard.services.turnAway(request.id, code, stalled)
    }
  }

  private isKnown({ hashes }: ShardRequest): boolean {
    return hashes !== undefined && this.shard.state.keys.find(hashes) !== undefined
  }

  /** Runs again what waits for a token. */
  wake(wake: Wake): void {
    const waiting = this.parked.take(wake.token)
    if (waiting === undefined) return
    // What the answer tells is durable at the message's sender, if the message itself is.
    const gated = !wake.settledElsewhere || !this.shard.causeDurable
    for (const one of waiting) {
      // A request that left its key is answered right here, in the state of this turn.
      if (one.note !== undefined && !one.repeats) this.answerNote(one.request, one.note, gated)
      else this.shard.resubmit(one.request)
    }
  }

  /** Tells all that wait to ask the next owner, who knows by their keys what was done for them. */
  retire(): void {
    for (const { request, note } of this.parked.takeAll()) {
      this.fault(request, note === undefined ? 'not_ready' : 'outcome_unknown')
    }
  }

  /**
   * Lets parked requests go whose clients have given up; who waits longer than he said hears what he would say
   * himself. Their keys stay.
   */
  sweep(): void {
    this.parked.sweep(({ request }) => {
      this.fault(request, 'outcome_unknown')
    })
  }

  fault(
    request: ShardRequest,
    code: RuntimeCode,
    detail: string = runtimeCodes[code].advice,
  ): void {
    this.answer(request, answerKinds.fault, [code, detail], false)
  }

  private query(request: ShardRequest): void {
    const { state, direct } = this.shard
    direct.finish()
    const kind = state.kinds.of(request.address)!
    const run = kind.queries.get(request.name)
    if (run === undefined) {
      this.fault(request, 'unknown_command', `${kind.name} has no query "${request.name}".`)
      return
    }
    try {
      const outcome = run(new ActorView(state, request.address, this.shard.now()), request.input)
      if (disownPromise(outcome)) throw new Error(`${kind.name}.${request.name} is async`)
      if (isParked(outcome)) this.park(request, undefined, outcome.parkedOn)
      else if (isRefusal(outcome)) {
        this.answer(request, answerKinds.refused, toldOf(outcome), true)
      } else this.answer(request, answerKinds.value, outcome, true)
    } catch (error) {
      this.shard.services.report('actor_failed', {
        address: request.address,
        query: request.name,
        error,
      })
      this.fault(request, 'actor_failed')
    }
  }

  private command(kind: Kind, request: ShardRequest): void {
    const { shard } = this
    const { address, hashes } = request
    if (request.keyTime !== 0 && this.mayBeForgotten(request.keyTime)) {
      this.fault(request, 'idempotency_key_expired')
      return
    }
    if (shard.state.quarantine.has(address)) {
      this.fault(request, 'quarantined')
      return
    }
    if (hashes !== undefined && this.keysAreFull()) {
      this.fault(
        request,
        'overloaded',
        'The shard remembers as many keys as it may; try again later.',
      )
      return
    }
    const direct = kind.direct.get(request.name)
    if (direct !== undefined && shard.direct.run(shard, direct, request)) return
    const tx = shard.begin()
    const { outcome, threw } = shard.attempt(tx, address, request.name, request.input)
    if (threw) {
      this.failed(request, outcome)
      return
    }
    if (isParked(outcome)) {
      this.park(request, undefined, outcome.parkedOn)
      return
    }
    if (isRemembered(outcome) && !this.canReplay(request, outcome)) {
      tx.rollback()
      shard.undraft()
      this.failed(request, undefined)
      return
    }
    const key = hashes === undefined ? undefined : this.keyOf(hashes, outcome)
    if (tx.dirty || key !== undefined) {
      shard.commit(tx, requested, key)
    }
    this.answerOutcome(request, outcome)
  }

  /**
   * Whether a key of this time, which is not known, may have been: by shard time, as keys are forgotten.
   * Whoever made the key may be ahead of the shard by a little; it then came before its own time.
   */
  private mayBeForgotten(keyTime: number): boolean {
    const { keyRetentionMs } = this.shard.state
    const ahead = Math.min(limits.clockStepMsMax, keyRetentionMs / 2)
    return keyTime - ahead < this.shard.now() - keyRetentionMs
  }

  /** A table whose oldest key is past its time is not: the commit that adds one forgets some. */
  private keysAreFull(): boolean {
    const { state, bounds } = this.shard
    if (state.keys.size < bounds.keysMax) return false
    return !state.keys.hasBefore(this.shard.now() - state.keyRetentionMs)
  }

  /** What leaves a note that no `replays` function can read must not be committed: nobody could answer it. */
  private canReplay(request: ShardRequest, { rememberedNote }: Remembered): boolean {
    const { address, name: command } = request
    const kind = this.shard.state.kinds.of(address)!
    const hasReplays = kind.replays.has(command)
    if (hasReplays && Number.isSafeInteger(rememberedNote)) return true
    const what = hasReplays ? 'what is no safe integer' : 'a note, but has no replays'
    const error = new Error(`${kind.name}.${command} remembers ${what}`)
    this.shard.services.report('actor_failed', { address, command, error })
    return false
  }

  /** The command threw: nothing of it was done. */
  private failed(request: ShardRequest, outcome: unknown): void {
    const code = isRefusal(outcome) ? outcome.refused : ''
    if (code === 'unknown_command' || code === 'quarantined') {
      this.fault(request, code, (outcome as Refusal).detail)
      return
    }
    this.fault(request, 'actor_failed')
    this.shard.countFailure(request.address)
  }

  private answerOutcome(request: ShardRequest, outcome: unknown): void {
    if (isRemembered(outcome)) {
      const note = outcome.rememberedNote
      if (outcome.wakeOn !== undefined) this.park(request, note, outcome.wakeOn)
      else this.answerNote(request, note, true)
    } else if (isRefusal(outcome)) {
      this.answer(request, answerKinds.refused, toldOf(outcome), true)
    } else this.answer(request, answerKinds.value, outcome, true)
  }

  /** @returns false when the request has no key, or one that binds nothing */
  private answerKnownKey(request: ShardRequest, gated: boolean): boolean {
    if (request.hashes === undefined) return false
    const { keys } = this.shard.state
    const record = keys.find(request.hashes)
    if (record === undefined) return false
    this.shard.direct.finish()
    if (record.kind === recordKinds.note) return this.answerRecord(request, record, gated)
    if (!record.sameRequest) this.fault(request, 'idempotency_conflict')
    else if (record.kind === recordKinds.bytes) {
      const kept = keptAnswer(keys.answerOf(record.number)!)
      this.answer(request, answerKinds.replayed, kept, gated)
    } else this.answer(request, answerKinds.refusedReplayed, this.rememberedRefusal(record), gated)
    return true
  }

  /** Code and detail. */
  private rememberedRefusal({ kind, note, number }: KeyRecord): unknown {
    const { keys, refusals } = this.shard.state
    return kind === recordKinds.refusal ? refusals.list[note] : keptAnswer(keys.answerOf(number)!)
  }

  private answerRecord(request: ShardRequest, record: KeyRecord, gated: boolean): boolean {
    try {
      const answer = this.replay(request, record.note)
      if (isUnbound(answer)) return false
      if (!record.sameRequest) this.fault(request, 'idempotency_conflict')
      else if (isParked(answer)) this.park(request, record.note, answer.parkedOn, true)
      else if (!isRefusal(answer)) this.answer(request, answerKinds.replayed, answer, gated)
      else this.answerRefusal(request, answer, answerKinds.refusedReplayed, gated)
    } catch (error) {
      this.replayFailed(request, error)
    }
    return true
  }

  /** The first answer of the request that left the note, even when its key binds nothing any more. */
  private answerNote(request: ShardRequest, note: number, gated: boolean): void {
    try {
      const replayed = this.replay(request, note)
      const answer = isUnbound(replayed) ? replayed.unbound : replayed
      if (isParked(answer)) this.park(request, note, answer.parkedOn)
      else if (!isRefusal(answer)) this.answer(request, answerKinds.value, answer, gated)
      else this.answerRefusal(request, answer, answerKinds.refused, gated)
    } catch (error) {
      this.replayFailed(request, error)
    }
  }

  private answerRefusal(
    request: ShardRequest,
    refusal: Refusal,
    kind: AnswerKind,
    gated: boolean,
  ): void {
    // A bug of the kind, not a decision of its actor.
    if (refusal.refused === 'actor_failed') this.fault(request, 'actor_failed')
    else this.answer(request, kind, toldOf(refusal), gated)
  }

  /** Builds the answer a note stands for. @throws what the kind's `replays` function throws */
  private replay(request: ShardRequest, note: number): unknown {
    const { state } = this.shard
    const replays = state.kinds.of(request.address)!.replays.get(request.name)
    // Also where the journal is of a program that had them.
    if (replays === undefined) throw new Error(`${request.name} remembers notes but has no replays`)
    const answer = replays(new ActorView(state, request.address, this.shard.now()), note)
    if (disownPromise(answer)) throw new Error(`the replays of ${request.name} are async`)
    return answer
  }

  /**
   * A `replays` function that throws, or gives what is no plain data, is a bug of the kind. What the answer
   * would tell of was done: nobody may be told that it was not.
   */
  replayFailed(request: ShardRequest, error: unknown): void {
    const { address, name: replay } = request
    this.shard.services.report('actor_failed', { address, replay, error })
    this.fault(request, 'outcome_unknown', answerLost)
  }

  /** @param note what its key remembers, or the key it repeats */
  private park(
    request: ShardRequest,
    note: number | undefined,
    token: string,
    repeats = false,
  ): void {
    const parked: ParkedRequest = { request, note, repeats }
    if (this.parked.add(parked, token, this.shard.bounds.mailboxMessagesMax)) return
    this.fault(request, note === undefined ? 'overloaded' : 'outcome_unknown')
  }

  /** What a key remembers of an outcome; undefined when nothing: the request may be tried again. */
  private keyOf(hashes: readonly number[], outcome: unknown): KeyInsert | undefined {
    if (isRemembered(outcome)) {
      return { hashes, kind: recordKinds.note, note: outcome.rememberedNote }
    }
    if (isRefusal(outcome)) {
      if (!outcome.sticky) return undefined
      const { refusals, formats } = this.shard.state
      const refused = toldOf(outcome)
      const kind = refusals.takes(...refused, formats)
        ? recordKinds.refusal
        : recordKinds.keptRefusal
      return { hashes, kind, note: 0, refusal: refused }
    }
    this.kept.value(outcome)
    return { hashes, kind: recordKinds.bytes, note: 0, answer: this.kept.take([]) }
  }

  private answer(request: ShardRequest, kind: AnswerKind, value: unknown, gated: boolean): void {
    this.shard.services.answer(request.id, kind, value, gated)
  }
}

/** Code and detail of a refusal, as clients are told it. */
function toldOf({ refused, detail }: Refusal): readonly [string, string] {
  return [refused, toldDetail(detail)]
}

const stalled =
  'The storage of the shard takes nothing at present: its stream has no leader, or there is no room for more. Ask again when that is over, with the same idempotency key.'
const answerLost =
  'The command ran, but its actor failed to build the answer. Report it; once the actor is mended, asking again with the same idempotency key gives the answer.'

function keptAnswer(bytes: Uint8Array): unknown {
  return openRow(bytes).values.value()
}
