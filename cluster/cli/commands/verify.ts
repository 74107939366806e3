/**
 * `suanpan verify`: reads a data folder offline, all of it, and proves that money is conserved.
 *
 * V1. The folder is only read; a torn tail is reported and left for the next start to drop.
 */
import type { Command } from 'commander'
import { inspectDataFolder, OpenRefused, type InspectedFolder } from '../../../runtime/index.js'
import { checkAccounts, formatAmount, payments, type AccountsCheck } from '../../../actors/index.js'
import type { AuditView } from '../../../actors/index.js'
import { dataOption, examples, jsonOption } from '../options.js'
import { bytes, count, counted, Output, pairsTable } from '../output.js'
import { CommandFailed } from '../problem.js'
import { Progress } from '../progress.js'

interface VerifyOptions {
  readonly data: string
  readonly json?: boolean
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('check a data folder offline: every frame, and that money is conserved')
    .description(
      'Reads all journals and snapshots of a data folder that no process is using, checks every ' +
        'checksum, replays everything, and checks the ledgers and every account. Changes nothing.\n' +
        'Exits 1 with file and offset where the folder is damaged.',
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples('suanpan verify', 'suanpan verify --data /var/lib/suanpan --json'),
    )
    .action(async (options: VerifyOptions) => {
      await runVerify(options, new Output(options.json === true))
    })
}

async function runVerify(options: VerifyOptions, output: Output): Promise<void> {
  const report = await verifyFolder(options.data, output)
  output.result(report, () => reportWords(report))
  if (report.findings.length > 0) {
    throw new CommandFailed('not_conserved', report.findings[0] ?? 'Money is not conserved.')
  }
}

/** What `verify` found. */
export type VerifyReport = ReturnType<typeof reportOf>

/** Reads a folder that is not in use and checks its money. @throws CommandFailed, OpenRefused */
export async function verifyFolder(data: string, output: Output): Promise<VerifyReport> {
  const folder = await inspect(data, output)
  const audit = await payments.client(folder).audit()
  return reportOf(data, folder, audit, await checkAccounts(folder, folder.addresses(), audit))
}

async function inspect(data: string, output: Output): Promise<InspectedFolder> {
  const progress = new Progress(output, `Verifying ${data}`, 'frames', 0)
  try {
    return await inspectDataFolder({
      dataDir: data,
      actors: payments.actors,
      onProgress: (frames) => progress.update(frames),
    })
  } catch (error) {
    // A folder that is not there is no wrong usage of options.
    if (error instanceof OpenRefused && error.code === 'invalid_options') {
      throw new CommandFailed('file_unreadable', error.message)
    }
    throw error
  } finally {
    progress.end()
  }
}

function reportOf(
  data: string,
  folder: InspectedFolder,
  audit: AuditView,
  accounts: AccountsCheck,
) {
  const { counts, recovery } = folder
  const findings = [...audit.findings, ...accounts.findings]
  return {
    command: 'verify',
    data,
    shards: folder.shards,
    epoch: folder.epoch,
    clean: recovery.clean,
    tornTails: recovery.tornTails,
    segments: counts.segments,
    journalBytes: counts.journalBytes,
    frames: counts.frames,
    turns: counts.turns,
    snapshots: counts.snapshots,
    snapshotBytes: counts.snapshotBytes,
    ordinals: counts.ordinals,
    events: counts.events,
    payments: counts.actors['payment'] ?? 0,
    transfers: counts.actors['transfer'] ?? 0,
    accounts: accounts.accounts,
    merchants: accounts.merchants,
    currencies: audit.currencies,
    inFlight: audit.inFlight,
    conserved: findings.length === 0,
    findings,
  }
}

function reportWords(report: VerifyReport): string {
  const journal = `${counted(report.frames, 'frame')} with ${counted(report.turns, 'turn')}, ${bytes(report.journalBytes)} in ${counted(report.segments, 'segment')}`
  const rows: (readonly [string, string])[] = [
    ['shards', count(report.shards)],
    ['journal', journal],
    ['snapshots', `${count(report.snapshots)}, ${bytes(report.snapshotBytes)}`],
    ['ordinals', count(report.ordinals)],
    ['events', count(report.events)],
    ['accounts', `${count(report.accounts)}, merchants ${count(report.merchants)}`],
    ['payments', `${count(report.payments)}, transfers ${count(report.transfers)}`],
    ['closed', closedWords(report)],
    ...report.currencies.map(
      ({ currency, accounts, sum }) =>
        [
          currency,
          `${formatAmount(accounts, currency)} in accounts; with world and transit the sum is ${count(sum)}`,
        ] as const,
    ),
  ]
  if (report.inFlight.length > 0) {
    rows.push([
      'in flight',
      `${counted(report.inFlight.length, 'pair')} of shards; the next start finishes it`,
    ])
  }
  const verdict = report.conserved
    ? 'whole, every frame checked, money conserved.'
    : `NOT CONSERVED:\n  ${report.findings.join('\n  ')}`
  return `${report.data}: ${verdict}\n${pairsTable(rows)}`
}

function closedWords({ clean, tornTails }: VerifyReport): string {
  if (clean) return 'cleanly'
  if (tornTails.length === 0) return 'not cleanly; nothing is torn'
  const torn = tornTails.map(({ file, offset }) => `${file} from offset ${offset}`).join(', ')
  return `not cleanly; a torn tail in ${torn} (never acknowledged) goes at the next start`
}
