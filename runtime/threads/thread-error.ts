/** Errors across threads: flattened to data, and rebuilt by code, never by class. */
import {
  Fault,
  OpenRefused,
  runtimeCodes,
  type OpenRefusedCode,
  type RuntimeCode,
} from '../errors.js'
import type { SystemFacts, ThreadError } from './thread-protocol.js'

/** Of anything that was thrown: what can't even be asked what it is, says nothing but that. */
export function flattenError(error: unknown): ThreadError {
  try {
    return flatten(error)
  } catch {
    return { code: 'Error', message: 'what was thrown does not say what it is' }
  }
}

function flatten(error: unknown): ThreadError {
  if (error instanceof OpenRefused) {
    const { code, message, place } = error
    return place === undefined ? { code, message } : { code, message, place }
  }
  if (error instanceof Fault) return { code: error.code, message: error.message }
  // A user's error may have anything in these places, also what no thread can be sent.
  const fields: { name: unknown; message: unknown; stack?: unknown } =
    error instanceof Error ? error : new Error(String(error))
  const { name, message, stack } = fields
  const system = systemFacts(error)
  return {
    ...{ code: String(name), message: String(message) },
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(system === undefined ? {} : { system }),
  }
}

/** Of an error of the operating system; undefined for any other. */
function systemFacts(error: unknown): SystemFacts | undefined {
  const { code, syscall, path } = (error ?? {}) as Partial<NodeJS.ErrnoException>
  if (typeof code !== 'string') return undefined
  return {
    code,
    ...(typeof syscall === 'string' ? { syscall } : {}),
    ...(typeof path === 'string' ? { path } : {}),
  }
}

const openRefusedCodes: readonly string[] = [
  'data_dir_in_use',
  'damaged',
  'newer_format',
  'older_format',
  'newer_version',
  'shards_differ',
  'journal_regressed',
  'invalid_options',
  'clock_off',
  'identity_lost',
  'bucket_regressed',
  'settings_differ',
] satisfies OpenRefusedCode[]

export function rebuildError(error: ThreadError): Error {
  if (openRefusedCodes.includes(error.code)) {
    return new OpenRefused(error.code as OpenRefusedCode, error.message, error.place)
  }
  if (error.code in runtimeCodes) return new Fault(error.code as RuntimeCode, error.message)
  const bug = new Error(error.message)
  bug.name = error.code
  Object.assign(bug, error.system)
  if (error.stack !== undefined) bug.stack = error.stack
  return bug
}
