import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectNats } from '../../transport/nats/index.js'
import { NatsServers, until } from '../../transport/nats/testing/index.js'
import { CliProcess } from '../cli/testing/cli-process.js'

let servers: NatsServers
let supervisor: CliProcess | undefined
let clusters = 0

beforeAll(async () => {
  servers = await NatsServers.start({ config: 'authorization { user: node, password: secret }' })
  const login = { user: 'node', password: 'secret' }
  const nats = await connectNats({ servers: servers.addresses, ...login })
  const bucket = await nats.bucket('suanpan_other', { replicas: 1 })
  await bucket.put('identity', Buffer.from('{"format":1,"shards":16,"secret":"00"}'), 0)
  await bucket.put('turn_settings', Buffer.from('{"timeZone":"Asia/Tokyo"}'), 0)
  await nats.close()
})
afterEach(async () => {
  supervisor?.kill('SIGKILL')
  await supervisor?.ended
  supervisor = undefined
})
afterAll(() => servers.stop())

/** Starts two nodes under a supervisor, in a cluster of its own. */
function start(...words: string[]): CliProcess {
  supervisor = new CliProcess(
    [
      ...['start', '--processes', '2', '--node', 'm', '--port', '0', '--json'],
      ...['--nats', servers.addresses.join(','), '--cluster', `s${++clusters}`],
      ...['--nats-user', 'node', '--shards', '4', '--replicas', '1', '--allow-unsafe-durability'],
      ...words,
    ],
    { SUANPAN_NATS_PASSWORD: 'secret' },
  )
  return supervisor
}

/** Where both nodes listen, once they do. */
async function listening(run: CliProcess): Promise<string> {
  const line = /"event":"listening","url":"([^"]+)"/g
  await until('both to listen', () => [...run.said.stdout.matchAll(line)].length >= 2)
  return line.exec(run.said.stdout)![1]!
}

/** Process ids of the workers of a place, oldest first. */
function pidsOf(run: CliProcess, node: string): number[] {
  const line = new RegExp(`{"event":"worker_started","node":"${node}","pid":(\\d+)}`, 'g')
  return [...run.said.stderr.matchAll(line)].map(([, pid]) => Number(pid))
}

async function alive(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok
  } catch {
    return false
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('start --processes', () => {
  it('a worker that is killed comes back, after pauses that grow, and the port stays', async () => {
    const run = start()
    const url = await listening(run)
    for (let times = 1; times <= 3; times++) {
      process.kill(pidsOf(run, 'm-2').at(-1)!, 'SIGKILL')
      await until('the death to be seen', () => run.said.stderr.split('SIGKILL').length > times)
      expect(await alive(url)).toBe(true)
      await until('another one', () => pidsOf(run, 'm-2').length > times)
      expect(await alive(url)).toBe(true)
    }
    const pauses = [...run.said.stderr.matchAll(/"worker_restarts".*"inMs":(\d+)/g)]
    expect(pauses.map(([, ms]) => Number(ms))).toEqual([250, 500, 1_000])
    expect(pidsOf(run, 'm-1')).toHaveLength(1)
    run.kill('SIGTERM')
    const ended = await run.ended
    expect(ended.code).toBe(0)
    expect(ended.stdout.trim().split('\n').at(-1)).toBe('{"event":"stopped","clean":true}')
  })

  it('S6: the others give the shards of a worker that is killed out at once, whoever it was', async () => {
    const run = start()
    await listening(run)
    const idOf = (node: string): string =>
      [...run.said.stdout.matchAll(/"event":"listening".*"node":"([^"]+)"/g)]
        .map(([, id]) => id!)
        .findLast((id) => id.startsWith(`${node}=`))!
    for (const node of ['m-1', 'm-2']) {
      const id = idOf(node)
      const said = `{"event":"member_dead","id":"${id}"}`
      process.kill(pidsOf(run, node).at(-1)!, 'SIGKILL')
      await until('it to be declared dead', () => run.said.stderr.includes(said))
      // Its supervisor said so. On a crowded machine its silence may have been noticed, too.
      expect(run.said.stderr).toContain(`{"event":"member_ended","id":"${id}"}`)
      await until('another one to listen', () => idOf(node) !== id)
    }
  })

  it('S4: asked to end, every node leaves in good order', async () => {
    const run = start()
    const url = await listening(run)
    run.kill('SIGTERM')
    const { code, stdout } = await run.ended
    expect(code).toBe(0)
    // Both nodes, and the supervisor after them.
    expect(stdout.match(/"event":"stopped","clean":true/g)).toHaveLength(3)
    expect(await alive(url)).toBe(false)
  })

  it.each([
    ['a wrong password', ['--nats-user', 'stranger'], 'nats_login', 1],
    ['another number of shards', ['--cluster', 'other'], 'shards_differ', 2],
    [
      'another zone',
      ['--cluster', 'other', '--shards', '16', '--time-zone', 'UTC'],
      'settings_differ',
      2,
    ],
    ['servers that may lose payments', ['--replicas', '3'], 'nats_settings', 1],
    ['a file that is not there', ['--nats-ca', '/nowhere/ca.pem'], 'nats_options', 2],
  ])('S3: %s ends it with its sentence', async (_, words, code, exit) => {
    const run = start(...words)
    const ended = await run.ended
    expect(ended.code).toBe(exit)
    expect(ended.stderr).toContain(`{"error":{"code":"${code}"`)
    expect(ended.stderr).not.toContain('worker_restarts')
    expect(ended.stderr).not.toContain('    at ')
    expect(ended.stdout.trim().split('\n').at(-1)).toBe('{"event":"stopped","clean":false}')
  })

  it('S5: a second signal ends all at once, also who stands still', async () => {
    const run = start()
    await listening(run)
    const pids = [...pidsOf(run, 'm-1'), ...pidsOf(run, 'm-2')]
    expect(pids).toHaveLength(2)
    process.kill(pids[0]!, 'SIGSTOP')
    run.kill('SIGTERM')
    await until('the other one to have left', () => run.said.stdout.includes('"stopped"'))
    run.kill('SIGTERM')
    expect((await run.ended).code).toBe(1)
    await until('all to be gone', () => !pids.some(runs))
  })

  it('asked to end while NATS is silent, it does not wait for it', async () => {
    servers.pause(0)
    try {
      const run = start()
      await until('both to begin', () => pidsOf(run, 'm-2').length === 1)
      run.kill('SIGTERM')
      await run.ended
    } finally {
      servers.resume(0)
    }
  })
})
