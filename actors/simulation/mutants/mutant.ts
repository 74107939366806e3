/**
 * A mutant: one planted bug, as data. Production code holds no switch for it; the runner copies the
 * build, changes one file of the copy and runs the campaign there.
 *
 * U1. `find` stands exactly once in its file; a mutant whose text was rewritten fails loudly.
 * U2. Each names the oracle that is meant for it. Another one may be faster; none at all is a gap.
 */

/** One planted bug. */
export interface Mutant {
  /** Words with underscores: what `--only` takes. */
  readonly name: string
  /** What it breaks, in one sentence. */
  readonly breaks: string
  /** Source file, from the root of the repository. */
  readonly file: string
  /** Text of the source, exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Oracle that is meant to catch it. */
  readonly oracle: string
  /** True when a few seeds are enough: part of every test run. */
  readonly fast?: boolean
}

/** The mutated source. @throws Error when the text does not stand exactly once */
export function mutated(mutant: Mutant, source: string): string {
  const count = source.split(mutant.find).length - 1
  if (count !== 1) {
    throw new Error(
      `Mutant ${mutant.name}: its text stands ${count} times in ${mutant.file}, not once. Anchor it anew.`,
    )
  }
  return source.replace(mutant.find, () => mutant.replace)
}
