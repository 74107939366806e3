/**
 * The file of results: one line of JSON for every campaign, so that a claim is a sum anybody can add
 * up again.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import type { Tally } from './campaign.js'

/** One line. */
export interface CampaignResult extends Tally {
  readonly campaign: 'crash'
  /** When it began, ISO 8601. */
  readonly at: string
  readonly commit: string
  readonly seed: number
  readonly seconds: number
}

export function appendResult(file: string, result: CampaignResult): void {
  appendFileSync(file, `${JSON.stringify(result)}\n`)
}

/** The commit that was tried, marked when the work tree differs from it. */
export function commitOf(folder: string): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: folder, encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '*.ts')
    return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
