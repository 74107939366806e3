/**
 * Backups of the data folder a runtime is serving, one at a time. Payments go on; the journal stands still for a
 * moment only.
 *
 * BK1. All lanes are held between two groups at the same time, and where each ends is taken before any of them goes
 *      on. So what one shard has applied is in the journal of its sender, and the backup opens as the folder would
 *      after a crash at that moment. One that went on too early makes the backup fail.
 * BK6. A backup that fails takes nothing with it: the lanes go on, what may go goes again, its files are removed.
 */
import { resolve as resolvePath } from 'node:path'
import type { Env, TimerHandle } from '../env/env.js'
import { Fault } from '../errors.js'
import { Fence } from '../journal/file/fence.js'
import type { FolderPlan } from '../journal/file/index.js'
import { limits } from '../limits.js'
import type { HeldLane, Order } from '../threads/thread-protocol.js'
import { journalUpTo, stillContents } from './folder-contents.js'
import { FolderCopy, type BackupProgress } from './folder-copy.js'

/** What a backup came to. */
export interface BackupReport {
  /** Absolute path of the backup. */
  readonly target: string
  /** Epoch of the owner it was made of. */
  readonly epoch: number
  readonly shards: number
  /** Last ordinals of all shards together: turns ever committed. */
  readonly ordinals: number
  readonly files: number
  readonly bytes: number
  /** ms the journal stood still; 0 where nobody served the folder. */
  readonly pauseMs: number
  readonly seconds: number
}

export interface BackupOptions {
  /** Called while bytes are copied. */
  readonly onProgress?: (progress: BackupProgress) => void
  /** Absolute path of a folder that the backup has to lie in, links followed. @default anywhere */
  readonly within?: string | undefined
}

/** What a backup needs of its runtime. */
export interface BackupHost {
  readonly env: Env
  readonly plan: FolderPlan
  /** Gives an order to all threads. @throws Fault when the runtime has stopped */
  order(order: Order): Promise<unknown[]>
}

/** Where all lanes were cut. */
interface Cut {
  readonly lanes: readonly HeldLane[]
  readonly pauseMs: number
}

export class Backups {
  private readonly host: BackupHost
  private running: Promise<BackupReport> | undefined
  private ended: Fault | undefined

  constructor(host: BackupHost) {
    this.host = host
  }

  /**
   * Makes a backup of what is durable now.
   * @throws Fault backup_…, closed
   */
  make(target: string, options: BackupOptions = {}): Promise<BackupReport> {
    if (this.ended !== undefined) return Promise.reject(this.ended)
    if (this.running !== undefined) return Promise.reject(new Fault('backup_running'))
    const running = this.run(resolvePath(target), options).finally(() => {
      this.running = undefined
    })
    this.running = running
    return running
  }

  /** Ends the one that is being made, and takes no more. */
  async end(why: Fault): Promise<void> {
    this.ended ??= why
    const ending = this.running?.catch(() => undefined)
    // A target that does not answer any more holds up no end.
    if (ending !== undefined) await within(this.host.env, ending).catch(() => undefined)
  }

  private async run(target: string, options: BackupOptions): Promise<BackupReport> {
    const { env, plan } = this.host
    const { dataDir, segmentBytes } = plan
    const begunAt = env.clock.monotonic()
    // Each lane makes its next segment ahead; one more for what happens meanwhile.
    const reserve = 2 * segmentBytes
    const check = (): void => this.check()
    const copy = await FolderCopy.begin(env.disk, { ...options, dataDir, target, reserve, check })
    try {
      const { shards, epoch } = plan
      const { lanes, pauseMs } = await this.copy(copy)
      const ordinals = lanes.reduce((sum, lane) => sum + lane.ordinals, 0)
      const seconds = (env.clock.monotonic() - begunAt) / 1000
      const { files, bytes } = copy
      return { target, epoch, shards, ordinals, files, bytes, pauseMs, seconds }
    } catch (error) {
      // The reason matters more than files that could not be removed.
      await copy.discard().catch(() => undefined)
      throw this.overtaken() ?? error
    }
  }

  private async copy(copy: FolderCopy): Promise<Cut> {
    const { env, plan } = this.host
    const { dataDir, epoch } = plan
    try {
      await within(env, this.host.order({ type: 'holdRemovals' }))
      const still = await stillContents(env.disk, dataDir, epoch)
      const cut = await this.cut()
      await copy.complete(still, await journalUpTo(env.disk, dataDir, still, cut.lanes))
      return cut
    } finally {
      await within(env, this.host.order({ type: 'resumeRemovals' })).catch(() => undefined)
    }
  }

  /** Takes where all lanes end, at one moment (BK1). */
  private async cut(): Promise<Cut> {
    const { env } = this.host
    this.check()
    let resumed: Promise<unknown[]> | undefined
    const resume = (): Promise<unknown[]> => (resumed ??= this.host.order({ type: 'resumeLane' }))
    try {
      const holding = this.host.order({ type: 'holdLane' })
      const lanes = (await within(env, holding, limits.backupHoldMs)) as HeldLane[]
      const held = (await within(env, resume())) as (number | undefined)[]
      if (held.includes(undefined)) throw new Fault('backup_stalled')
      return { lanes, pauseMs: Math.max(...(held as number[])) }
    } finally {
      // A thread that stands still hears of it when it goes on; the others go on at once.
      resume().catch(() => undefined)
    }
  }

  /** Why the runtime has ended, or that it was succeeded: then files go that it was copying. */
  private overtaken(): unknown {
    try {
      this.check()
      return undefined
    } catch (error) {
      return error
    }
  }

  /** @throws Fault when the runtime has ended, or has been succeeded */
  private check(): void {
    if (this.ended !== undefined) throw this.ended
    new Fence(this.host.env.disk, this.host.plan).check()
  }
}

/** Waits for some work, with a bound. @throws Fault backup_stalled */
async function within<T>(
  { timers }: Env,
  work: Promise<T>,
  ms: number = limits.backupWaitMs,
): Promise<T> {
  let bound: TimerHandle | undefined
  const late = new Promise<never>((_, reject) => {
    bound = timers.after(ms, () => reject(new Fault('backup_stalled')))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    bound?.cancel()
  }
}
