/**
 * The register of the runtime's own codes and the three families of trouble, never mixed:
 * a *refusal* is a business no, a *fault* is trouble of the infrastructure, a *bug* is ours.
 * Across threads and nodes only `code` is identity. Codes are never reused.
 */

/**
 * Whether a request may have taken effect. `not_executed` speaks of the request it answers: nothing was done,
 * or will be, because of it. Of earlier ones with its idempotency key it says nothing where the shard could not
 * be asked (`not_ready`, `overloaded`, `closed`): what was `unknown` remains so until the key is answered. A shard
 * that knows the key never says it.
 */
export type OutcomeKnown = 'not_executed' | 'unknown'

interface CodeEntry {
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
  /** One sentence that says what to do. */
  readonly advice: string
}

/** Codes in order of precedence. */
export const runtimeCodes = {
  invalid_request: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'Correct the request and send it again.',
  },
  unknown_kind: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'No actor of this kind is defined; check the address.',
  },
  unknown_command: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'The kind has no such command or query; check its name.',
  },
  idempotency_conflict: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'This idempotency key was used for another request; use a new key.',
  },
  idempotency_key_expired: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'The key is older than the retention window; look the result up, then use a new key.',
  },
  not_ready: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'The runtime is not ready; try again shortly.',
  },
  overloaded: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'Too much work is waiting; try again after a pause.',
  },
  quarantined: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'This actor failed repeatedly and is set aside; an operator can release it.',
  },
  actor_failed: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'The actor failed on this command; nothing of it was done. Report it.',
  },
  outcome_unknown: {
    retryable: true,
    outcome: 'unknown',
    advice: 'The answer did not arrive in time; ask again with the same idempotency key.',
  },
  closed: { retryable: false, outcome: 'not_executed', advice: 'The runtime is closed.' },
  journal_failed: {
    retryable: true,
    outcome: 'unknown',
    advice:
      'The disk failed, so the runtime stopped; mend the disk, start again and ask with the same idempotency key.',
  },
  fenced: {
    retryable: true,
    outcome: 'unknown',
    advice:
      'Another process owns this data folder now; send the request there with the same idempotency key.',
  },
  backup_running: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'A backup is being made; wait for its end, then ask again.',
  },
  backup_target_taken: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'Something is there already; name a folder that does not exist yet.',
  },
  backup_target_invalid: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'No backup can be made there; name a new folder outside the data folder.',
  },
  backup_no_space: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'There is not enough room for the backup; make room, or name another folder.',
  },
  backup_stalled: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'The disk took too long, so no backup was made; look at the disk, then ask again.',
  },
  backup_failed: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'The backup could not be written or read; mend the disk it names, then ask again.',
  },
  backup_unsupported: {
    retryable: false,
    outcome: 'not_executed',
    advice:
      'A cluster keeps its journals in NATS; back its streams and its bucket up with the means of NATS (see cluster/README.md).',
  },
} as const satisfies Record<string, CodeEntry>

export type RuntimeCode = keyof typeof runtimeCodes

/** Anything a client's promise rejects with carries these. */
export abstract class SuanpanError extends Error {
  abstract readonly code: string
  abstract readonly retryable: boolean
  abstract readonly outcome: OutcomeKnown
}

/**
 * A command was refused: the business no, typed. Thrown by clients only. What was asked for was not done; what
 * the actor recorded on the occasion, such as a wrong PIN, stands.
 */
export class Refused extends SuanpanError {
  override readonly name = 'Refused'
  readonly retryable = false
  readonly outcome = 'not_executed'
  constructor(
    readonly code: string,
    detail: string,
    /** True when this is the remembered answer of an earlier request with the same key. */
    readonly replayed = false,
  ) {
    super(detail)
  }
}

/** Infrastructure trouble. `outcome` says whether the request may have taken effect. */
export class Fault extends SuanpanError {
  override readonly name = 'Fault'
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
  /** True when its cause lasts already: to ask again at once is no use. */
  readonly lasting: boolean
  constructor(
    readonly code: RuntimeCode,
    detail?: string,
    options?: { cause?: unknown; lasting?: boolean },
  ) {
    const entry = runtimeCodes[code]
    super(detail ?? entry.advice, options)
    this.retryable = entry.retryable
    this.outcome = entry.outcome
    this.lasting = options?.lasting === true
  }
}

/** What a runtime answers that stopped for good. What the operating system said alone does not say what to do. */
export function faultOfStop(error: Error): Fault {
  if (error instanceof Fault) return error
  if (!('syscall' in error)) return new Fault('journal_failed', error.message)
  const room = 'code' in error && error.code === 'ENOSPC' ? 'Make room' : 'Mend the disk'
  return new Fault(
    'journal_failed',
    `${error.message}. ${room}, then start again and ask with the same idempotency key; nothing that was acknowledged is lost.`,
    { cause: error },
  )
}

/** The data folder can't be opened, or the cluster joined, as it is; nothing was changed. */
export class OpenRefused extends SuanpanError {
  override readonly name = 'OpenRefused'
  readonly retryable = false
  readonly outcome = 'not_executed'
  constructor(
    readonly code: OpenRefusedCode,
    detail: string,
    /** Where the damage is, when it is one. */
    readonly place?: { readonly file: string; readonly offset: number },
  ) {
    super(detail)
  }
}

/** Why a data folder was not opened, or a cluster not joined. */
export type OpenRefusedCode =
  | 'data_dir_in_use'
  | 'damaged'
  | 'newer_format'
  | 'older_format'
  | 'newer_version'
  | 'shards_differ'
  | 'journal_regressed'
  | 'invalid_options'
  | 'clock_off'
  | 'identity_lost'
  | 'bucket_regressed'
  | 'settings_differ'

/** A rule of ours does not hold: a bug. Outside handlers the shard stops for good; in one, the turn fails. */
export class InvariantViolated extends Error {
  override readonly name = 'InvariantViolated'
}
