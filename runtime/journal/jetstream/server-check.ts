/**
 * Whether NATS keeps what it acknowledges: looked at before a node begins to serve.
 *
 * X6. What is known to lose payments is refused; what can't be known is said.
 */
import type { NatsFacts } from '../../../transport/index.js'

/** One thing an operator must know, or mend. */
export interface DurabilityFinding {
  readonly code:
    | 'server_too_old'
    | 'server_with_known_bugs'
    | 'too_few_replicas'
    | 'more_replicas'
    | 'too_few_servers'
    | 'one_replica'
    | 'sync_interval'
    | 'sync_interval_unknown'
    | 'small_payload'
  readonly sentence: string
  /** `refuse`: acknowledged payments may be lost by one fault. */
  readonly severity: 'refuse' | 'warn'
}

/** A stream or bucket that was opened, and how many copies it has. */
export interface OpenedStream {
  readonly name: string
  readonly replicas: number
}

/** The first server that syncs the Raft log too when it is told to sync always. */
const oldest = [2, 10, 23] as const
/** The first server of the usual line without the security holes found in 2026. */
const advised = [2, 12, 7] as const
/** Frames grow up to half a megabyte under load. */
const payloadBytesMin = 1024 * 1024

/** @param opened replicas asked for, and replicas given to each stream or bucket that was opened */
export function durabilityFindings(
  facts: NatsFacts,
  asked: { readonly replicas: number },
  opened: readonly OpenedStream[],
): readonly DurabilityFinding[] {
  return [
    ...ofVersion(facts),
    ...ofReplicas(facts, asked, opened),
    ...ofSync(facts),
    ...ofPayload(facts),
  ]
}

function* ofVersion({ serverVersion }: NatsFacts): Generator<DurabilityFinding> {
  if (isOlder(serverVersion, oldest)) {
    yield {
      code: 'server_too_old',
      sentence: `nats-server ${serverVersion} can lose acknowledged payments; install ${advised.join('.')} or newer (at least ${oldest.join('.')}).`,
      severity: 'refuse',
    }
  } else if (isOlder(serverVersion, advised)) {
    yield {
      code: 'server_with_known_bugs',
      sentence: `nats-server ${serverVersion} has known security holes; install ${advised.join('.')} or newer.`,
      severity: 'warn',
    }
  }
}

function* ofReplicas(
  facts: NatsFacts,
  asked: { readonly replicas: number },
  opened: readonly OpenedStream[],
): Generator<DurabilityFinding> {
  for (const { name, replicas } of opened) {
    if (replicas < asked.replicas) {
      yield {
        code: 'too_few_replicas',
        sentence: `${name} is kept on ${replicas} server(s), but ${asked.replicas} are asked for; raise its replicas (nats stream edit --replicas ${asked.replicas}), or ask for fewer.`,
        severity: 'refuse',
      }
    } else if (replicas > asked.replicas) {
      yield {
        code: 'more_replicas',
        sentence: `${name} is kept on ${replicas} servers, as the cluster was made; that holds for whatever it makes, and not the ${asked.replicas} asked for.`,
        severity: 'warn',
      }
    }
  }
  if (facts.servers < asked.replicas) {
    yield {
      code: 'too_few_servers',
      sentence: `NATS shows ${facts.servers} server(s), fewer than the ${asked.replicas} replicas asked for; check that all have started.`,
      severity: 'warn',
    }
  }
  if (asked.replicas < 3) {
    yield {
      code: 'one_replica',
      sentence: `With ${asked.replicas} replica(s) the loss of one disk loses payments; use 3 where money is real.`,
      severity: 'warn',
    }
  }
}

function* ofSync({ syncAlways }: NatsFacts): Generator<DurabilityFinding> {
  if (syncAlways === false) {
    yield {
      code: 'sync_interval',
      sentence:
        'NATS acknowledges before it syncs; a power failure loses payments. Set "sync_interval: always" in the jetstream block of every server.',
      severity: 'refuse',
    }
  } else if (syncAlways === undefined) {
    yield {
      code: 'sync_interval_unknown',
      sentence:
        'The servers do not tell how they sync. Make sure that "sync_interval: always" stands in the jetstream block of each, or name their monitoring addresses so that it can be checked.',
      severity: 'warn',
    }
  }
}

function* ofPayload({ maxPayloadBytes }: NatsFacts): Generator<DurabilityFinding> {
  if (maxPayloadBytes >= payloadBytesMin) return
  yield {
    code: 'small_payload',
    sentence: `NATS accepts messages of ${maxPayloadBytes} bytes only; set max_payload to at least ${payloadBytesMin}.`,
    severity: 'refuse',
  }
}

function isOlder(version: string, than: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number)
  for (const [i, part] of than.entries()) {
    if (parts[i] !== part) return !((parts[i] ?? 0) > part)
  }
  return false
}
