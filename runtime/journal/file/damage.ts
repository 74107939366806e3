/** Refusals of opening, in one wording. */
import { OpenRefused } from '../../errors.js'

/** What is there can't be what was written. Nothing is skipped, nothing guessed: a person decides. */
export function damage(file: string, offset: number, what: string): OpenRefused {
  return new OpenRefused(
    'damaged',
    `The data folder is damaged: ${what}, in ${file} at offset ${offset}. Restore it from a copy; nothing was changed.`,
    { file, offset },
  )
}

/** A newer program wrote this. */
export function newerFormat(file: string, what: string, found: number, known: number): OpenRefused {
  return new OpenRefused(
    'newer_format',
    `${file}: the ${what} has format ${found}, this program knows ${known}. Install the newer program.`,
  )
}
