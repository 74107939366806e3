/** Planted bugs of backups: copies that are of several moments, or of files that go meanwhile. */
import type { Mutant } from './mutant.js'

export const backupMutants: readonly Mutant[] = [
  {
    name: 'backup_lanes_not_held',
    breaks:
      'A lane goes on as soon as its own end is taken, while others have yet to come to theirs.',
    file: 'runtime/threads/lane-hold.ts',
    find: '    return { ...this.journal.reached, ordinals }\n',
    replace:
      '    const ends = { ...this.journal.reached, ordinals }\n    this.lane.resume()\n    return ends\n',
    oracle: 'backups',
  },
  {
    name: 'backup_removals_not_held',
    breaks: 'Snapshots, and the journal behind them, go while they are copied.',
    file: 'runtime/snapshot/removals.ts',
    find: '    this.held = true\n',
    replace: '',
    oracle: 'backups',
  },
  {
    name: 'backup_snapshots_after_cut',
    breaks: 'Snapshots are listed after the lanes were cut: they know what was acknowledged since.',
    file: 'runtime/backup/backups.ts',
    find: '      const still = await stillContents(env.disk, dataDir, epoch)\n      const cut = await this.cut()\n',
    replace:
      '      const cut = await this.cut()\n      const still = await stillContents(env.disk, dataDir, epoch)\n',
    oracle: 'backups',
  },
  {
    name: 'backup_beyond_cut',
    breaks: 'The journal is copied as it is, with what was written behind the cut.',
    file: 'runtime/backup/folder-contents.ts',
    find: '    else files.push({ path, bytes: place.bytes, seal: seals[at]!.bytes })\n',
    replace: '    else files.push({ path })\n',
    oracle: 'backups',
  },
]
