/**
 * Backups that are asked for over HTTP. They may take longer than clients and proxies wait: who asks is told after
 * a while how far it is, and asks for the same target again.
 *
 * D1. Asking again for the target that is being written waits for the same backup. Its end is told once: who asks
 *     for that target then asks for another backup.
 * D6. Who may ask for backups may not write just anywhere: where there are API keys, targets lie in the folder that
 *     is set for them, and where none is set no backup is made.
 */
import { Fault, type BackupProgress, type BackupReport } from '../../runtime/index.js'
import { gatewayLimits } from './limits.js'
import type { OpsView } from './ops-view.js'
import type { BackupPlace } from './options.js'

/** How a backup stands. */
export type BackupState =
  | ({ readonly state: 'running'; readonly target: string } & BackupProgress)
  | ({ readonly state: 'done' } & BackupReport)

interface Asked {
  readonly target: string
  readonly made: Promise<BackupReport>
  progress: BackupProgress
  ended: boolean
}

export class BackupDesk {
  private readonly ops: Pick<OpsView, 'backup'>
  private readonly place: BackupPlace
  private asked: Asked | undefined

  constructor(ops: Pick<OpsView, 'backup'>, place: BackupPlace) {
    this.ops = ops
    this.place = place
  }

  /** @throws Fault backup_…, closed */
  async ask(target: string): Promise<BackupState> {
    if (this.ops.backup !== undefined && !this.place.allowed) throw nowhere()
    const asked = this.asked?.target === target ? this.asked : this.begin(target)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), gatewayLimits.backupWaitMs)
    })
    try {
      const report = await Promise.race([asked.made, late])
      if (report === undefined) return { state: 'running', target, ...asked.progress }
      this.forget(asked)
      return { state: 'done', ...report }
    } catch (error) {
      this.forget(asked)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  private begin(target: string): Asked {
    const so: Pick<Asked, 'progress' | 'ended'> = {
      progress: { bytes: 0, bytesTotal: 0 },
      ended: false,
    }
    const onProgress = (progress: BackupProgress): void => {
      so.progress = progress
    }
    const { within } = this.place
    const made = this.ops.backup?.(target, { onProgress, within }) ?? unsupported()
    const asked: Asked = Object.assign(so, { target, made })
    // The one under way is waited for; another is refused at once. One that nobody asks for any more is forgotten.
    if (this.asked?.ended !== false) this.asked = asked
    const end = (): void => {
      asked.ended = true
    }
    asked.made.then(end, end)
    return asked
  }

  private forget(asked: Asked): void {
    if (this.asked === asked) this.asked = undefined
  }
}

function nowhere(): Fault {
  const sentence =
    'This node has API keys and no folder for backups, so none is made over HTTP. Start it with that folder (--backups DIR of suanpan start, backupsDir of createGateway), and name a new one in it.'
  return new Fault('backup_unsupported', sentence)
}

function unsupported(): Promise<never> {
  return Promise.reject(new Fault('backup_unsupported'))
}
