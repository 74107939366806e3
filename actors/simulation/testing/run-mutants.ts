/**
 * `npm run mutants`: plants each bug in a copy of the build, runs the payment campaign there until an
 * oracle finds it, and says which one did, and at which seed.
 *
 * U3. A seed only counts when it runs clean without the mutant; that is run as well.
 */
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutants as allMutants } from '../mutants/index.js'
import { mutated, type Mutant } from '../mutants/mutant.js'

/** The repository: three folders above the compiled file's own, and above `dist`. */
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const campaign = join('dist', 'actors', 'simulation', 'testing', 'campaign.js')
const results = join(root, 'actors', 'simulation', 'mutants', 'results.jsonl')
/** A mutant that hangs its campaign is stopped after this long, and counts as not caught. */
const campaignMsMax = 15 * 60_000

/** What one campaign found first. */
export interface Finding {
  readonly seed: number
  readonly oracle: string
  readonly sentence: string
}

export interface MutantResult {
  readonly name: string
  readonly finding: Finding | undefined
  readonly seconds: number
  /** Why the campaign itself went wrong; '' when it did not. */
  readonly trouble: string
}

export interface MutantOptions {
  /** Seeds tried before a mutant counts as survived. */
  readonly seeds: number
  readonly jobs?: number
  readonly onResult?: (result: MutantResult) => void
}

/** A copy of the build to plant bugs in. */
class Copy {
  private readonly folder = mkdtempSync(join(tmpdir(), 'suanpan-mutant-'))

  constructor() {
    cpSync(join(root, 'dist'), join(this.folder, 'dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(this.folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'), 'junction')
  }

  /** Runs the campaign with a mutant planted. */
  async run(mutant: Mutant | undefined, seeds: number): Promise<MutantResult> {
    const began = performance.now()
    const name = mutant?.name ?? 'none'
    const takeOut = mutant === undefined ? undefined : await this.plant(mutant)
    try {
      const { finding, trouble } = await runCampaign(this.folder, seeds)
      return { name, finding, trouble, seconds: Math.round((performance.now() - began) / 1_000) }
    } finally {
      takeOut?.()
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async plant(mutant: Mutant): Promise<() => void> {
    // A tool of development: it is there where the repository is.
    const { default: ts } = await import('typescript')
    const source = mutated(mutant, readFileSync(join(root, mutant.file), 'utf8'))
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ES2022,
        verbatimModuleSyntax: true,
      },
    })
    const file = join(this.folder, 'dist', mutant.file.replace(/\.ts$/, '.js'))
    const original = readFileSync(file)
    writeFileSync(file, outputText)
    return () => {
      writeFileSync(file, original)
    }
  }
}

function runCampaign(
  folder: string,
  seeds: number,
): Promise<{ finding: Finding | undefined; trouble: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, campaign), '--seeds', String(seeds)], {
      cwd: folder,
    })
    let out = ''
    let errors = ''
    child.stdout.on('data', (piece: Buffer) => (out += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()))
    const timer = setTimeout(() => child.kill('SIGKILL'), campaignMsMax)
    child.on('close', (code) => {
      clearTimeout(timer)
      const last = out.trim().split('\n').at(-1) ?? ''
      if (code === 0) resolve({ finding: undefined, trouble: '' })
      else if (code === 1) resolve({ finding: JSON.parse(last) as Finding, trouble: '' })
      else
        resolve({ finding: undefined, trouble: errors.slice(-500) || `ended with ${String(code)}` })
    })
  })
}

/** Runs mutants, several at a time; then the seeds that caught them, without any. */
export async function runMutants(
  mutants: readonly Mutant[],
  options: MutantOptions,
): Promise<{ results: readonly MutantResult[]; clean: MutantResult }> {
  const waiting = [...mutants]
  const done: MutantResult[] = []
  const copies: Copy[] = []
  const work = async (): Promise<void> => {
    const copy = new Copy()
    copies.push(copy)
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const result = await copy.run(mutant, options.seeds)
      done.push(result)
      options.onResult?.(result)
    }
  }
  try {
    const jobs = Math.min(options.jobs ?? availableParallelism(), mutants.length)
    await Promise.all(Array.from({ length: jobs }, work))
    const seeds = Math.max(0, ...done.map(({ finding }) => finding?.seed ?? 0))
    const clean = await copies[0]!.run(undefined, seeds)
    options.onResult?.(clean)
    return { results: done, clean }
  } finally {
    for (const copy of copies) copy.remove()
  }
}

/** The mutants a command means. @throws Error for a name that is none */
export function selectMutants(only: readonly string[], fast: boolean): readonly Mutant[] {
  const unknown = only.find((name) => !allMutants.some((mutant) => mutant.name === name))
  if (unknown !== undefined) throw new Error(`There is no mutant "${unknown}".`)
  const chosen =
    only.length === 0 ? allMutants : allMutants.filter(({ name }) => only.includes(name))
  return fast ? chosen.filter((mutant) => mutant.fast === true) : chosen
}

/** Appends what a run found to the results kept in the repository. */
export function recordResults(
  commit: string,
  seeds: number,
  { results: found, clean }: { results: readonly MutantResult[]; clean: MutantResult },
): void {
  const line = {
    commit,
    seeds,
    mutants: found.length,
    caught: found.filter(({ finding }) => finding !== undefined).length,
    survived: found.filter(({ finding }) => finding === undefined).map(({ name }) => name),
    cleanSeedsViolated: clean.finding === undefined ? 0 : 1,
    by: Object.fromEntries(
      found.flatMap(({ name, finding }) =>
        finding === undefined ? [] : [[name, `${finding.oracle} at seed ${finding.seed}`]],
      ),
    ),
  }
  appendFileSync(results, `${JSON.stringify(line)}\n`)
}
