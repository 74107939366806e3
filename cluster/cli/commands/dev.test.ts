/** `suanpan dev` as a whole: its cluster ends with it, however that went, and is there again at the next start. */
import { connect } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { until } from '../../../transport/nats/testing/index.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

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
  await runCli(['accounts', 'open', 'alice', 'CNY'], { SUANPAN_URL: url! })

  const refused = await dev().ended
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('data_dir_in_use')

  first.kill('SIGKILL')
  for (const address of [...servers!.split(','), url!])
    await until(`${address} to be gone`, async () => !(await answers(address)))

  const second = dev()
  const [, again] = await second.until(/listens on (http:\S+)\. Stop/)
  const shown = await runCli(['accounts', 'show', 'alice', '--json'], { SUANPAN_URL: again! })
  expect(lastJson(shown)).toMatchObject({ id: 'alice', currency: 'CNY' })
}, 120_000)
