/**
 * Finds a nats-server for laptops, benches and tests: in PATH, in the package's cache, or from the
 * Debian archive, unpacked into that cache. Nothing is installed on the machine.
 */
import { execFile } from 'node:child_process'
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** The oldest server that syncs the Raft log too when it is told to sync always. */
const oldest = [2, 10, 23] as const
const cache = join(packageFolder(), '.cache', 'nats-server')
const cached = join(cache, 'nats-server')
/** Suites of Debian that have a server new enough, the usual first. */
const suites = ['sid', 'forky']

let found: Promise<string> | undefined

/**
 * Says on stderr when it fetches one.
 * @returns path of the program @throws in one sentence that says what to do
 */
export function natsServerProgram(): Promise<string> {
  found ??= findProgram(['nats-server', cached], fetchFrom, (sentence) => {
    console.error(sentence)
  })
  return found
}

/**
 * The first of these programs that is new enough, or else the last of them, fetched.
 * @param onFetch told, before anything is fetched, what is fetched and where to
 */
export async function findProgram(
  programs: readonly string[],
  fetch: (suite: string) => Promise<void>,
  onFetch: (sentence: string) => void,
): Promise<string> {
  for (const program of programs) {
    if (await isNewEnough(program)) return program
  }
  const target = programs.at(-1)!
  onFetch(
    `No nats-server ${oldest.join('.')} or newer is here; fetching it from Debian's archive to ${target} …`,
  )
  const tried: string[] = []
  for (const suite of suites) {
    try {
      await fetch(suite)
      if (await isNewEnough(target)) return target
      tried.push(`${suite}: too old`)
    } catch (error) {
      tried.push(`${suite}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  throw new Error(
    `NATS servers on this machine need nats-server ${oldest.join('.')} or newer: install it, or put the program at ${target}. (Debian's archive: ${tried.join('; ')})`,
  )
}

async function isNewEnough(program: string): Promise<boolean> {
  try {
    const { stdout } = await run(program, ['--version'])
    const version = /(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? []
    for (const [i, part] of oldest.entries()) {
      if (version[i] !== part) return (version[i] ?? 0) > part
    }
    return true
  } catch {
    return false
  }
}

/** Unpacks the package of a suite, with lists of its own: the machine's stay as they are. */
async function fetchFrom(suite: string): Promise<void> {
  await access('/usr/bin/apt-get')
  const folder = join(cache, `fetch-${process.pid}`)
  try {
    for (const sub of ['lists/partial', 'cache/archives/partial', 'root']) {
      await mkdir(join(folder, sub), { recursive: true })
    }
    const indexes = await run('apt-get', [
      'indextargets',
      '--format',
      '$(REPO_URI)',
      'Created-By: Packages',
    ])
    const mirror = indexes.stdout.split('\n').find((uri) => uri !== '' && !uri.includes('security'))
    if (mirror === undefined) throw new Error('this machine has no package archive')
    await writeFile(join(folder, 'sources.list'), `deb ${mirror} ${suite} main\n`)
    const options = [
      `Dir::State::Lists=${folder}/lists`,
      `Dir::Etc::sourcelist=${folder}/sources.list`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::Cache=${folder}/cache`,
      'APT::Get::List-Cleanup=0',
    ].flatMap((option) => ['-o', option])
    await run('apt-get', ['-q', ...options, 'update'])
    await run('apt-get', ['-q', ...options, 'download', 'nats-server'], { cwd: folder })
    const name = (await readdir(folder)).find((file) => file.endsWith('.deb'))
    if (name === undefined) throw new Error('the archive has no nats-server')
    await run('dpkg-deb', ['-x', join(folder, name), join(folder, 'root')])
    await rename(join(folder, 'root/usr/sbin/nats-server'), cached)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Folder of package.json, whether this runs built or from source. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder)
  }
  return folder
}
