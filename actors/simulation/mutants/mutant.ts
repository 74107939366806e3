/**
 * A mutant: one planted bug, as data. Production code holds no switch for it; the runner copies the
 * build, changes the copy and runs the campaign there.
 *
 * U1. `find` stands exactly once in its file; a mutant whose text was rewritten fails loudly.
 * U2. Each names the oracle that is meant for it. Another one may be faster; none at all is a gap.
 */

/** One place of a bug. */
export interface Edit {
  /** Source file, from the root of the repository. */
  readonly file: string
  /** Text of the source, exactly once in the file. */
  readonly find: string
  readonly replace: string
}

/** One planted bug. */
export interface Mutant extends Edit {
  /** Words with underscores: what `--only` takes. */
  readonly name: string
  /** What it breaks, in one sentence. */
  readonly breaks: string
  /** More places, for what is guarded in several. */
  readonly also?: readonly Edit[]
  /** Oracle that is meant to catch it. */
  readonly oracle: string
  /** True when a few seeds are enough: part of every test run. */
  readonly fast?: boolean
  /** A short seed that found it once: tried first. When it finds nothing any more, all others follow. */
  readonly seed?: number
}

/** The mutated source of a mutant with one place. @throws Error when its text is not there exactly once */
export function mutated(mutant: Mutant, source: string): string {
  return changed(mutant, mutant, source)
}

/** All files of a mutant, mutated. @throws Error when a text does not stand exactly once */
export function mutatedFiles(
  mutant: Mutant,
  read: (file: string) => string,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const edit of [mutant, ...(mutant.also ?? [])]) {
    const source = files.get(edit.file) ?? read(edit.file)
    files.set(edit.file, changed(mutant, edit, source))
  }
  return files
}

function changed({ name }: Mutant, { file, find, replace }: Edit, source: string): string {
  const count = source.split(find).length - 1
  if (count !== 1) {
    throw new Error(
      `Mutant ${name}: its text stands ${count} times in ${file}, not once. Anchor it anew.`,
    )
  }
  return source.replace(find, () => replace)
}
