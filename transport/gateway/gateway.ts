/**
 * `createGateway`: the payment domain over HTTP. It wires the parts and owns the life cycle: listen,
 * drain, close. What is asked and answered is in `routes/`, who may in `security/`.
 */
import { readFileSync } from 'node:fs'
import { listenError } from './address.js'
import { BackupDesk } from './backup-desk.js'
import { batchOperation } from './batch/batch.js'
import { connectionBound } from './connection-bound.js'
import { GatewayMetrics } from './metrics/metrics.js'
import type { GatewayContext, Operation } from './operation.js'
import { resolveGatewayOptions, type GatewayOptions } from './options.js'
import { accountOperations } from './routes/accounts.js'
import { moneyOperations } from './routes/money.js'
import { operatorOperations } from './routes/operators.js'
import { openApiDocument } from './schemas/openapi.js'
import { ApiKeys } from './security/api-keys.js'
import { Gate } from './security/gate.js'
import { makeServer } from './server.js'

/** A gateway that can be started once. */
export interface Gateway {
  /** Base URL, such as `http://127.0.0.1:7400`; '' before `listen`. */
  readonly address: string
  /** Starts to serve. @returns the base URL @throws GatewayConfigError address_in_use */
  listen(): Promise<string>
  /** Stops accepting, lets requests at work finish, then closes; cuts what takes longer than `drainMs`. */
  close(): Promise<void>
}

/** Every operation of the gateway, in the order of the documentation. */
export const operations: readonly Operation[] = [
  ...accountOperations,
  ...moneyOperations,
  batchOperation,
  ...operatorOperations,
]

/**
 * Makes a gateway for a bank.
 * @throws GatewayConfigError api_keys_required on an address others can reach; api_keys_invalid,
 * invalid_options
 */
export function createGateway(options: GatewayOptions): Gateway {
  const resolved = resolveGatewayOptions(options)
  const keys = resolved.apiKeys === undefined ? undefined : new ApiKeys(resolved.apiKeys)
  const context: GatewayContext = {
    bank: resolved.bank,
    ops: resolved.ops,
    metrics: new GatewayMetrics(resolved.ops, { processMetrics: resolved.processMetrics }),
    backups: new BackupDesk(resolved.ops, resolved.backups),
    batchWindowLines: resolved.batchWindowLines,
    draining: false,
    openapi: JSON.stringify(
      openApiDocument(operations, { version: packageVersion(), secured: keys !== undefined }),
    ),
  }
  const gate = new Gate(keys)
  const { app, direct } = makeServer({ options: resolved, context, operations, gate })
  let address = ''
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    context.draining = true
    direct.drain()
    const cut = setTimeout(() => {
      direct.cut()
      app.server.closeAllConnections()
    }, resolved.drainMs)
    try {
      await app.close()
    } finally {
      clearTimeout(cut)
    }
  }
  return {
    get address() {
      return address
    },
    async listen() {
      // Now the files of the runtime are open.
      const bound = resolved.connectionsMax ?? connectionBound()
      if (bound !== undefined) app.server.maxConnections = bound
      app.server.on('drop', () => context.metrics.connectionsDropped++)
      try {
        address = await app.listen({ host: resolved.host, port: resolved.port })
      } catch (error) {
        throw listenError(error, resolved.host, resolved.port)
      }
      return address
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** The package's version, from the nearest package.json: two folders up in source, three in `dist`. */
function packageVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const content = readFileSync(new URL(path, import.meta.url), 'utf8')
      const { name, version } = JSON.parse(content) as { name?: string; version?: string }
      if (name === 'suanpan' && version !== undefined) return version
    } catch {
      // Not there: look one further up.
    }
  }
  return '0.0.0'
}
