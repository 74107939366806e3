/**
 * Plants each bug in a copy of the build, runs a campaign there until an oracle finds it, and says
 * which one did, and at which seed.
 *
 * U3. A seed only counts when it runs clean without the mutant: each seed that finds something is run
 *     again in an unchanged copy, and one that fails there too is passed over and reported.
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
import { mutatedFiles, type Mutant } from '../mutants/mutant.js'
import type { Finding } from './find-first.js'
import { root } from './root.js'

/** A mutant that hangs its campaign is stopped after this long, and counts as not caught. */
const campaignMsMax = 15 * 60_000

/** Mutants, and what is to find them. */
export interface Planting {
  readonly mutants: readonly Mutant[]
  /** Compiled module that runs the campaign up to its first finding, from the root of the build. */
  readonly campaign: string
  /** File of results, from the root of the repository. */
  readonly results: string
}

export interface MutantResult {
  readonly name: string
  readonly finding: Finding | undefined
  readonly seconds: number
  /** Why the campaign itself went wrong; '' when it did not. */
  readonly trouble: string
}

export interface MutantOptions extends Pick<Planting, 'campaign'> {
  /** Seeds tried before a mutant counts as survived. */
  readonly seeds: number
  readonly jobs?: number
  readonly onResult?: (result: MutantResult) => void
}

/** How a campaign ended. */
interface Outcome {
  readonly finding: Finding | undefined
  readonly trouble: string
}

/** Seeds of a campaign: one known to find much, if there is one, then a row. */
interface Range {
  readonly first: number | undefined
  readonly from: number
  readonly seeds: number
}

type IsClean = (seed: number) => Promise<boolean>

/** A copy of the build to plant bugs in. */
class Copy {
  private readonly folder = mkdtempSync(join(tmpdir(), 'suanpan-mutant-'))
  private readonly module: string

  /** @param campaign module to run, from the root of the build */
  constructor(campaign: string) {
    this.module = join(this.folder, 'dist', campaign)
    // Types and maps, two files of three, are of no use there.
    const filter = (path: string): boolean => !/\.(?:map|d\.ts)$/.test(path)
    cpSync(join(root, 'dist'), join(this.folder, 'dist'), { recursive: true, filter })
    cpSync(join(root, 'package.json'), join(this.folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'), 'junction')
  }

  /** Runs the campaign with a mutant planted, until a seed that is clean without it finds it. */
  async run(mutant: Mutant, seeds: number, isClean: IsClean): Promise<MutantResult> {
    const began = performance.now()
    const takeOut = await this.plant(mutant)
    const result = (finding: Finding | undefined, trouble: string): MutantResult => {
      const seconds = Math.round((performance.now() - began) / 1_000)
      return { name: mutant.name, finding, trouble, seconds }
    }
    try {
      let range: Range = { first: mutant.seed, from: 1, seeds }
      for (;;) {
        const { finding, trouble } = await this.campaign(range)
        if (finding === undefined || trouble !== '') return result(undefined, trouble)
        if (await isClean(finding.seed)) return result(finding, '')
        range = rangeBehind(range, finding.seed)
      }
    } finally {
      takeOut()
    }
  }

  /** Runs the campaign as the copy is. */
  campaign(range: Range): Promise<Outcome> {
    return runCampaign(this.folder, this.module, range)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async plant(mutant: Mutant): Promise<() => void> {
    // A tool of development: it is there where the repository is.
    const { default: ts } = await import('typescript')
    const sources = mutatedFiles(mutant, (file) => readFileSync(join(root, file), 'utf8'))
    const takeOuts = [...sources].map(([name, source]) => {
      const { outputText } = ts.transpileModule(source, {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ES2022,
          verbatimModuleSyntax: true,
        },
      })
      const file = join(this.folder, 'dist', name.replace(/\.ts$/, '.js'))
      const original = readFileSync(file)
      writeFileSync(file, outputText)
      return () => {
        writeFileSync(file, original)
      }
    })
    return () => {
      for (const takeOut of takeOuts) takeOut()
    }
  }
}

/** What is left to try when a seed proved nothing. */
function rangeBehind({ first, from, seeds }: Range, seed: number): Range {
  if (seed === first) return { first: undefined, from, seeds }
  return { first: undefined, from: seed + 1, seeds: from + seeds - seed - 1 }
}

function runCampaign(
  folder: string,
  module: string,
  { first, from, seeds }: Range,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const range = ['--from', String(from), '--seeds', String(seeds)]
    if (first !== undefined) range.push('--first', String(first))
    // Campaigns run side by side, a core each: helper threads of V8 would only take turns with them.
    const child = spawn(process.execPath, ['--single-threaded', module, ...range], { cwd: folder })
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

/** What running mutants showed. */
export interface MutantReport {
  readonly results: readonly MutantResult[]
  /** Seeds that fail without any mutant: bugs of the core or the kit, and no proof of anything else. */
  readonly uncleanSeeds: readonly Finding[]
}

/** Runs mutants, several at a time. */
export async function runMutants(
  mutants: readonly Mutant[],
  options: MutantOptions,
): Promise<MutantReport> {
  const waiting = [...mutants]
  const results: MutantResult[] = []
  const unchanged = new Copy(options.campaign)
  const copies: Copy[] = [unchanged]
  const known = new Map<number, Promise<Outcome>>()
  const isClean: IsClean = async (seed) => {
    const run = known.get(seed) ?? unchanged.campaign({ first: seed, from: 1, seeds: 0 })
    known.set(seed, run)
    const { finding, trouble } = await run
    if (trouble !== '') throw new Error(`Seed ${seed} can't be run without mutants: ${trouble}`)
    return finding === undefined
  }
  const work = async (): Promise<void> => {
    const copy = new Copy(options.campaign)
    copies.push(copy)
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const result = await copy.run(mutant, options.seeds, isClean)
      results.push(result)
      options.onResult?.(result)
    }
  }
  try {
    const jobs = Math.min(options.jobs ?? availableParallelism(), mutants.length)
    await Promise.all(Array.from({ length: jobs }, work))
    const outcomes = await Promise.all(known.values())
    const uncleanSeeds = outcomes.flatMap(({ finding }) => (finding === undefined ? [] : [finding]))
    return { results, uncleanSeeds }
  } finally {
    for (const copy of copies) copy.remove()
  }
}

/** The mutants a command means. @throws Error for a name that is none */
export function selectMutants(
  all: readonly Mutant[],
  only: readonly string[],
  fast: boolean,
): readonly Mutant[] {
  const unknown = only.find((name) => !all.some((mutant) => mutant.name === name))
  if (unknown !== undefined) throw new Error(`There is no mutant "${unknown}".`)
  const chosen = only.length === 0 ? all : all.filter(({ name }) => only.includes(name))
  return fast ? chosen.filter((mutant) => mutant.fast === true) : chosen
}

/** Appends what a run found to the results kept in the repository. */
export function recordResults(
  results: string,
  commit: string,
  seeds: number,
  { results: found, uncleanSeeds }: MutantReport,
): void {
  const line = {
    commit,
    seeds,
    mutants: found.length,
    caught: found.filter(({ finding }) => finding !== undefined).length,
    survived: found.filter(({ finding }) => finding === undefined).map(({ name }) => name),
    uncleanSeeds: uncleanSeeds.map(({ seed }) => seed).sort((a, b) => a - b),
    by: Object.fromEntries(
      found.flatMap(({ name, finding }) =>
        finding === undefined ? [] : [[name, `${finding.oracle} at seed ${finding.seed}`]],
      ),
    ),
  }
  appendFileSync(join(root, results), `${JSON.stringify(line)}\n`)
}
