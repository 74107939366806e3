/** Who is in the way of reading a data folder offline. */
import { describe, expect, it } from 'vitest'
import { inspectFolder } from './inspect.js'
import { dataDir, FolderOwner } from './journal/testing/folder-owner.js'
import { JournalEnv } from './journal/testing/journal-env.js'

const options = { dataDir, actors: { definitions: [] } }

async function owned(fate: 'running' | 'paused' | 'gone' | 'unknown') {
  const first = new JournalEnv()
  first.fates.set(1, fate)
  const owner = await FolderOwner.open(first)
  return { owner, reader: first.otherProcess(2) }
}

describe('a data folder is not read', () => {
  it.each([
    ['running', 'in use by process 1;'],
    ['paused', 'in use by process 1, which is paused'],
    ['unknown', 'in use by process 1 on another machine or in another container'],
  ] as const)('while its owner is %s', async (fate, words) => {
    const { reader } = await owned(fate)
    const reading = inspectFolder(reader, options)
    await expect(reading).rejects.toMatchObject({ code: 'data_dir_in_use' })
    await expect(reading).rejects.toThrow(words)
  })
})

describe('a data folder is read', () => {
  it('once its owner is gone, has closed it, or can not be seen and is silent', async () => {
    const gone = await owned('gone')
    expect((await inspectFolder(gone.reader, options)).epoch).toBe(1)
    const closed = await owned('running')
    await closed.owner.close()
    expect((await inspectFolder(closed.reader, options)).recovery.clean).toBe(true)
    const silent = await owned('unknown')
    silent.owner.folder.stopHeartbeat()
    expect((await inspectFolder(silent.reader, options)).epoch).toBe(1)
  })
})
