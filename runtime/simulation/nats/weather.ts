/**
 * What can go wrong with a simulated NATS, how likely each trouble is, and how often each one bit.
 */

/** What each fault of NATS is. */
export const natsFaultKinds = {
  nats_election: 'an append or a read meets a stream without a leader',
  nats_election_applied: 'an append that met no leader is in the stream when there is one',
  nats_cut: 'a process can not reach NATS',
  nats_cut_applied: 'an append of a process that was cut off got through, its reply did not',
  nats_reply_lost: 'an append is stored and its reply lost',
  nats_late_append: 'an append arrives after its writer gave up',
  nats_stale_get: 'a key is read as it was some time ago',
  nats_late_watch: 'a change of a key is told late',
  nats_missed_watch: 'a change of a key is told after a reconnect',
  bus_loss: 'a message on the bus is lost',
  bus_duplicate: 'a message on the bus arrives twice',
  bus_delay: 'a message on the bus comes late',
  bus_reorder: 'a message on the bus is overtaken',
} as const

export type NatsFaultKind = keyof typeof natsFaultKinds

/** Chances of the faults; every one may be changed while a run goes on. */
export interface NatsWeather {
  /** Mean ms of one way between a process and a server. */
  latencyMs: number
  /** Mean ms until an append is replicated and synced. */
  syncMs: number
  /** ms until a request without a reply is given up. */
  timeoutMs: number
  /** Mean ms until a process that was cut off notices, and until it is back after the mending. */
  noticeMs: number
  /** Chance that the reply to an append is lost. */
  replyLoss: number
  /** Chance that an append arrives after its writer gave up. */
  lateAppend: number
  /** Chance that the read of a key is stale. */
  staleGet: number
  /** Chance that a change of a key is told late; those after it wait for it. */
  lateWatch: number
  busLoss: number
  busDuplicate: number
  busDelay: number
  busReorder: number
}

/** Latencies without a fault. */
export function fairWeather(): NatsWeather {
  return {
    latencyMs: 0.2,
    syncMs: 1,
    timeoutMs: 2_000,
    noticeMs: 500,
    replyLoss: 0,
    lateAppend: 0,
    staleGet: 0,
    lateWatch: 0,
    busLoss: 0,
    busDuplicate: 0,
    busDelay: 0,
    busReorder: 0,
  }
}

/** Ends every chance of a fault; latencies stay. */
export function calm(weather: NatsWeather): void {
  const { latencyMs, syncMs, timeoutMs, noticeMs } = weather
  Object.assign(weather, fairWeather(), { latencyMs, syncMs, timeoutMs, noticeMs })
}
