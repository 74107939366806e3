import { describe, expect, it } from 'vitest'
import { askCli } from './testing/ask-cli.js'
import { runCli } from './testing/cli-process.js'

const commands = [
  ['start'],
  ['status'],
  ['verify'],
  ['replay'],
  ['accounts'],
  ['accounts', 'open'],
  ['accounts', 'show'],
  ['accounts', 'freeze'],
  ['accounts', 'unfreeze'],
  ['accounts', 'close'],
  ['accounts', 'limits'],
  ['accounts', 'deposit'],
  ['accounts', 'withdraw'],
  ['accounts', 'history'],
  ['accounts', 'balance'],
  ['payments'],
  ['payments', 'pay'],
  ['payments', 'show'],
  ['payments', 'capture'],
  ['payments', 'void'],
  ['payments', 'refund'],
  ['payments', 'transfer'],
  ['quarantine'],
  ['quarantine', 'list'],
  ['quarantine', 'release'],
  ['keys'],
  ['keys', 'new'],
  ['bench'],
]

describe('help', () => {
  it('names every command, and the exit codes', async () => {
    const { code, stdout } = await runCli(['--help'])
    expect(code).toBe(0)
    for (const [command] of commands) expect(stdout).toContain(`  ${command ?? ''} `)
    expect(stdout).toContain('0 done, 1 failed, 2 wrong usage')
  })

  it('has an example on every level', async () => {
    for (const words of commands) {
      const { code, stdout } = await askCli([...words, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain(`$ suanpan ${words.join(' ')}`)
    }
  })

  it('prints the version of the package', async () => {
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('wrong usage', () => {
  it.each([
    [['nonsense'], /Unknown command 'nonsense'/],
    [['start', '--port', 'x'], /'--port <n>' argument 'x' is invalid/],
    [['start', '--nonsense'], /Unknown option '--nonsense'/],
    [['start', '--time-zone', 'Mars/Olympus'], /time zone such as Asia/],
    [['replay'], /Missing required argument 'file'/],
    [['replay', 'x.csv', '--currency', 'XXX'], /ISO 4217/],
    [['status', '--url', 'nonsense'], /URL such as http/],
    [['payments', 'pay', 'alice', 'shop', '12.3', 'CNY'], /CNY has 2 decimal digits/],
    [['payments', 'pay', 'alice', 'shop', '12.34', 'JPY'], /JPY has no decimal digits/],
    [['payments', 'pay', 'alice', 'shop', '-1', 'CNY'], /-1/],
    [['payments', 'transfer', 'alice:5', '--currency', 'CNY'], /PAYER:PAYEE:AMOUNT/],
    [['accounts', 'show', 'bank/alice'], /no address/],
    [['accounts', 'show', ''], /no address/],
    [['accounts', 'open', 'account/', 'CNY'], /no address/],
    [['accounts', 'open', 'alice', 'XXX'], /"XXX" is no currency/],
    [
      ['accounts', 'open', 'alice', 'cny', '--credit-limit', '5.00'],
      /"cny" is no currency; give a code of ISO 4217/,
    ],
    [
      ['keys', 'new', '--name', 'x', '--scope', 'pay', '--pay-as', 'alice'],
      /no full address such as account\/alice/,
    ],
    [['bench', 'nonsense'], /Allowed choices are limit, embedded/],
    [['bench', 'embedded', '--skew', 'much'], /number from 0 to 5/],
    [['bench', 'embedded', '--duration', '0'], /whole number from 1/],
    [['bench', 'journal', '--rate', '5'], /journal has no use for --rate/],
    [['keys', 'new', '--name', 'x', '--scope', 'everything'], /Allowed choices/],
    [['keys', 'new', '--name', 'x', '--scope', 'pay'], /--scope pay needs --pay-as/],
    [
      ['keys', 'new', '--name', 'x', '--scope', 'read', '--pay-as', '*'],
      /Only a key with --scope pay has --pay-as/,
    ],
    [['start', '--exit'], /With --exit give --sample too/],
  ])('%j exits 2 with a sentence and no stack trace', async (words, sentence) => {
    const { code, stdout, stderr } = await askCli(words)
    expect(stderr).toMatch(sentence)
    expect(stderr).toMatch(/^suanpan: [A-Z"'].*\(usage\)$/m)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  it.each([
    [['start', '--data', '/proc/x'], 'The folder /proc/x can not be made there; name another one.'],
    [
      ['keys', 'new', '--name', 'x', '--scope', 'read', '--file', '/nowhere/deep/keys.json'],
      'There is no folder /nowhere/deep; make it, or name another --file.',
    ],
  ])('%j says what is in the way by the name the user gave', async (words, sentence) => {
    const { code, stderr } = await runCli(words)
    expect(stderr).toBe(`suanpan: ${sentence} (file_unreadable)\n`)
    expect(code).toBe(1)
  })

  it('prints the error as JSON with --json', async () => {
    const { code, stderr } = await runCli(['replay', '--json', '--rate', '0', 'x.csv'])
    expect(code).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage' } })
  })

  it('shows the help of a group without its command', async () => {
    const { code, stderr } = await runCli(['accounts'])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: suanpan accounts')
  })
})

describe('a file of keys that is none', () => {
  it.each([
    ['/tmp', 'it is a folder'],
    [import.meta.filename, 'it is no JSON'],
  ])('%s is said with what to do', async (file, reason) => {
    const words = ['keys', 'new', '--name', 'x', '--scope', 'read', '--file', file]
    const { code, stderr } = await askCli(words)
    const sentence = `The file of API keys ${file} can't be read: ${reason}; mend it or name another file.`
    expect(stderr).toBe(`suanpan: ${sentence} (api_keys_invalid)\n`)
    expect(code).toBe(1)
  })
})

describe('a data folder that can’t be', () => {
  const long = `/tmp/${'n'.repeat(300)}`
  const under = `${process.execPath}/data`
  it.each([
    ['start', long, 'is longer than the file system allows'],
    ['verify', long, 'is longer than the file system allows'],
    ['start', under, 'is no folder'],
    ['verify', under, 'is no folder'],
    ['start', '/proc/suanpan', 'can not be made there'],
    ['dev', '/proc/suanpan', 'can not be made there'],
    ['bench limit', '/proc/suanpan', 'can not be made there'],
    ['bench limit', process.execPath, `A part of ${process.execPath} is no folder`],
  ])('%s --data %s is said in one sentence', async (command, path, sentence) => {
    const run = command === 'verify' ? askCli : runCli
    const { code, stdout, stderr } = await run([...command.split(' '), '--data', path])
    expect(stderr).toMatch(/^suanpan: .*\(file_unreadable\)\n$/)
    expect(stderr).toContain(sentence)
    expect([code, stdout]).toEqual([1, ''])
  })
})

describe('a node that is not there', () => {
  it('is said in one sentence', async () => {
    const { code, stderr } = await askCli(['status', '--url', 'http://127.0.0.1:9'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^suanpan: .*127\.0\.0\.1:9.*check --url.*\(node_unreachable\)\n$/)
  })
})
