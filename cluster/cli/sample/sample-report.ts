/** What a run of the sample showed, for people and for programs. */
import type { AuditView } from '../../../actors/index.js'
import type { VerifyReport } from '../commands/verify.js'
import { auditRows } from '../http/show.js'
import { latencyLine } from '../latency.js'
import { bytes, count, counted, pairsTable, rowsTable } from '../output.js'
import { sumOf } from '../replay/pump.js'
import type { SampleResult } from './run-sample.js'

export type SampleReport = ReturnType<typeof sampleReport>

export function sampleReport(
  { payments, settled, held, steps, stepsDone }: SampleResult,
  audit: AuditView,
  verified: VerifyReport,
) {
  return {
    payments: payments.settled + payments.replayed + sumOf(payments.refused),
    settled,
    held,
    captured: stepsDone.capture,
    voided: stepsDone.void,
    refunded: stepsDone.refund,
    refused: payments.refused,
    stepsRefused: steps.refused,
    /** Payments and refusals that were known from an earlier run. */
    replayed: payments.replayed + payments.refusedReplayed,
    changedNothing: payments.settled === 0 && steps.settled === 0,
    seconds: payments.seconds,
    perSecond: payments.perSecond,
    latencyMs: payments.latency.summary(),
    conserved: audit.conserved && verified.conserved,
    findings: [...audit.findings, ...verified.findings],
    currencies: audit.currencies,
    journal: {
      frames: verified.frames,
      turns: verified.turns,
      bytes: verified.journalBytes,
      ordinals: verified.ordinals,
      accountsChecked: verified.accounts + verified.merchants,
    },
  }
}

const reasons: Readonly<Record<string, string>> = {
  insufficient_funds: 'the payer has not enough',
  account_frozen: 'the payer is frozen',
  payee_not_found: 'there is no such payee',
  limit_exceeded: 'more than the payer may spend at once',
}

export function sampleWords(report: SampleReport): string {
  const refusals = Object.entries(report.refused).sort(([, a], [, b]) => b - a)
  const steps = `${count(report.captured)} captured, ${count(report.voided)} voided, ${count(report.refunded)} refunds`
  const rows: (readonly [string, string])[] = [
    ['settled', counted(report.settled, 'payment')],
    ['held', `${counted(report.held, 'manual payment')}; of all payments ${steps}`],
    ['refused', `${counted(sumOf(report.refused), 'payment')}, each with its code:`],
  ]
  const codes = rowsTable(
    ['', '', ''],
    refusals.map(([code, number]) => [`    ${count(number)}`, code, reasons[code] ?? '']),
  )
    .split('\n')
    .slice(1)
    .join('\n')
  const speed: (readonly [string, string])[] = [
    ['speed', `${count(report.perSecond)} payments/s, each durable before its answer`],
    ['latency', latencyLine(report.latencyMs)],
    ...auditRows(report),
    [
      'journal',
      `verified: ${counted(report.journal.frames, 'frame')}, ${counted(report.journal.turns, 'turn')}, ${bytes(report.journal.bytes)}, ${counted(report.journal.accountsChecked, 'account')} recomputed`,
    ],
  ]
  const head = report.changedNothing
    ? `Sample: all ${counted(report.payments, 'payment')} were known already and were replayed; nothing was changed.`
    : `Sample: ${counted(report.payments, 'payment')} in ${report.seconds.toFixed(2)} s.`
  return [
    head,
    pairsTable(rows),
    ...(refusals.length === 0 ? [] : [codes]),
    pairsTable(speed),
  ].join('\n')
}
