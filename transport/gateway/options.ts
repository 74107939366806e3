/** Options of a gateway: units, defaults, checked once. */
import { isAbsolute } from 'node:path'
import type { Bank } from '../../actors/index.js'
import { gatewayLimits as limits } from './limits.js'
import type { OpsView } from './ops-view.js'
import type { ApiKeyRecord } from './security/api-keys.js'
import { GatewayConfigError } from './security/gateway-config-error.js'
import { isLoopback } from './security/loopback.js'

/** Options of {@link createGateway}. */
export interface GatewayOptions {
  readonly bank: Bank
  readonly ops: OpsView
  /** Address to listen on. Any but a loopback address needs `apiKeys`. @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free one. @default 7400 */
  readonly port?: number
  /**
   * Keys as stored; with them every request but health needs one, on loopback too. An empty list is
   * refused: it would let in nobody, or everybody, and nobody knows which was meant. @default none
   */
  readonly apiKeys?: readonly ApiKeyRecord[]
  /**
   * Folder in which backups are made that are asked for over HTTP. @default with `apiKeys` none is made: a key gives
   * nobody the file system; without, anywhere, for whoever is on this machine
   */
  readonly backupsDir?: string
  /** Largest body in bytes; batches are streams and have none. @default 65,536 */
  readonly bodyBytesMax?: number
  /** ms for a whole request to arrive, batches included. @default 300,000 */
  readonly requestTimeoutMs?: number
  /** ms an idle connection is kept. @default 72,000 */
  readonly keepAliveMs?: number
  /** ms that requests at work get on close, before connections are cut. @default 10,000 */
  readonly drainMs?: number
  /**
   * Connections at once; more are closed when they come. @default what leaves a quarter of the files that the process
   * may open, and 128 at least, to all else, where the system tells
   */
  readonly connectionsMax?: number
  /** Lines of one batch at work at once. @default 1,024 */
  readonly batchWindowLines?: number
  /** Whether `/metrics` shows memory, CPU and event loop of this process. @default true */
  readonly processMetrics?: boolean
  /** Called with what was answered as `internal_error` or `actor_failed`: a bug to be looked at. */
  readonly onError?: (error: unknown, at: { readonly method: string; readonly url: string }) => void
}

/** Options with every default filled in. */
export type ResolvedGatewayOptions = Required<
  Omit<GatewayOptions, 'onError' | 'apiKeys' | 'backupsDir' | 'connectionsMax'>
> &
  Pick<GatewayOptions, 'onError' | 'connectionsMax'> & {
    readonly apiKeys: readonly ApiKeyRecord[] | undefined
    readonly backups: BackupPlace
  }

/** Where backups are made that are asked for. */
export interface BackupPlace {
  /** False where nobody said, and not everybody who may ask may write to any folder. */
  readonly allowed: boolean
  /** Absolute path of the folder they lie in. @default anywhere */
  readonly within?: string
}

/** @throws GatewayConfigError api_keys_required, api_keys_invalid, invalid_options */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  const host = options.host ?? '127.0.0.1'
  const apiKeys = options.apiKeys ?? undefined
  if (typeof host !== 'string' || host === '') {
    throw new GatewayConfigError('invalid_options', 'host must name an address to listen on.')
  }
  if (apiKeys?.length === 0) {
    throw new GatewayConfigError(
      'api_keys_invalid',
      'The list of API keys is empty: give at least one key, or no list where everybody on this machine may do everything.',
    )
  }
  if (apiKeys === undefined && !isLoopback(host)) {
    throw new GatewayConfigError(
      'api_keys_required',
      `${host} can be reached from outside this machine: give API keys, or listen on 127.0.0.1.`,
    )
  }
  const { bodyBytesMax, requestTimeoutMs, keepAliveMs, drainMs, batchWindowLines } = options
  const { connectionsMax } = options
  const day = 86_400_000
  return {
    bank: options.bank,
    ops: options.ops,
    host,
    apiKeys,
    port: whole('port', options.port ?? 7400, 0, 65_535),
    bodyBytesMax: whole('bodyBytesMax', bodyBytesMax ?? limits.bodyBytesMax, 1_024, 2 ** 30),
    requestTimeoutMs: whole(
      'requestTimeoutMs',
      requestTimeoutMs ?? limits.requestTimeoutMs,
      100,
      day,
    ),
    keepAliveMs: whole('keepAliveMs', keepAliveMs ?? limits.keepAliveMs, 1, day),
    drainMs: whole('drainMs', drainMs ?? limits.drainMs, 0, day),
    batchWindowLines: whole(
      'batchWindowLines',
      batchWindowLines ?? limits.batchWindowLines,
      1,
      65_536,
    ),
    processMetrics: options.processMetrics ?? true,
    backups: backupPlace(options.backupsDir, apiKeys !== undefined),
    ...(options.onError === undefined ? {} : { onError: options.onError }),
    ...(connectionsMax === undefined
      ? {}
      : { connectionsMax: whole('connectionsMax', connectionsMax, 1, 2 ** 31 - 1) }),
  }
}

function backupPlace(within: string | undefined, secured: boolean): BackupPlace {
  if (within === undefined) return { allowed: !secured }
  if (typeof within === 'string' && isAbsolute(within)) return { allowed: true, within }
  throw new GatewayConfigError(
    'invalid_options',
    'backupsDir must be the absolute path of a folder.',
  )
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new GatewayConfigError(
    'invalid_options',
    `${name} must be a whole number from ${min} to ${max}; it is ${String(value)}.`,
  )
}
