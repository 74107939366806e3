/** `suanpan dev` as a whole: its cluster ends with it, however that went, and is there again at the next start. */
import { connect } from 'node:net'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { freePorts } from '../../../transport/nats/index.js'
import { until } from '../../../transport/nats/testing/index.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, temporaryFolder } from '../testing/cli-process.js'

const folder = temporaryFolder()
const started: CliProcess[] = []

afterAll(async () => {
  for (const dev of started) dev.kill('SIGTERM')
  await Promise.all(started.map(({ ended }) => ended))
  folder.remove()
})

function dev(): CliProcess {
  const process = new CliProcess(['dev', '--nodes', '1', '--port', '0', '--data', folder.path])
  started.push(process)
  return process
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    const end = (is: boolean) => () => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })
}

it('takes its servers with it when it is killed, lets no second one in, and finds what was kept', async () => {
  const first = dev()
  const [, servers] = await first.until(/NATS: (\S+), kept/)
  const [, url] = await first.until(/listens on (http:\S+)\. Stop/)
  await askCli(['accounts', 'open', 'alice', 'CNY'], { SUANPAN_URL: url! })

  const refused = await dev().ended
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('data_dir_in_use')

  first.kill('SIGKILL')
  for (const address of [...servers!.split(','), url!])
    await until(`${address} to be gone`, async () => !(await answers(address)))

  const second = dev()
  const [, again] = await second.until(/listens on (http:\S+)\. Stop/)
  const shown = await askCli(['accounts', 'show', 'alice', '--json'], { SUANPAN_URL: again! })
  expect(lastJson(shown)).toMatchObject({ id: 'alice', currency: 'CNY' })
}, 300_000)

/** Process ids of the servers whose configuration this is. */
function pidsOf(configuration: string): number[] {
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandOf(name).includes(configuration))
    .map(Number)
}

/** Runs a cluster in a folder of its own, to the end of a test. */
async function withDev(port: number, test: (run: CliProcess, folder: string) => Promise<void>) {
  const own = temporaryFolder()
  const words = ['dev', '--nodes', '1', '--port', String(port), '--data', own.path]
  const run = new CliProcess(words)
  try {
    await test(run, own.path)
  } finally {
    run.kill('SIGTERM')
    await run.ended
    own.remove()
  }
}

it('starts a server again that was killed, and says so', async () => {
  await withDev(0, async (run, path) => {
    const [, servers] = await run.until(/NATS: (\S+), kept/)
    const [first] = servers!.split(',')
    const [killed] = pidsOf(join(path, 'n1.conf'))
    process.kill(killed!, 'SIGKILL')
    await run.until(/NATS server n1 ended \(SIGKILL\); it is started again in 250 ms\./)
    await until('the server to answer again', () => answers(first!))
    expect(pidsOf(join(path, 'n1.conf'))).not.toContain(killed)
  })
}, 300_000)

it('goes on when nobody reads it any more', async () => {
  const [port] = await freePorts(1)
  await withDev(port!, async (run) => {
    await run.until(/Starting three NATS servers/)
    run.stopReading()
    await until('the node to listen', () => answers(`http://127.0.0.1:${port}`))
  })
}, 300_000)
