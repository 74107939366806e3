/**
 * What went wrong, as a user reads it: one sentence and a stable code, never a stack trace. Owns the
 * translation of every error the CLI meets; `output.ts` prints it.
 *
 * E1. Words and options that are wrong by themselves exit 2 before anything was done; what only a node can judge, and
 *     refuses (an id, a time, an amount beyond the balance), and everything else that failed exits 1.
 * E2. Codes of the rooms below pass through unchanged; the CLI's own are in {@link CliCode}.
 */
import { CommanderError } from 'commander'
import { SuanpanError } from '../../runtime/index.js'
import { NatsRefused, NatsUnreachable } from '../../transport/index.js'
import { exitCodes, type ExitCode } from './exit-codes.js'

/** Codes the CLI itself gives. */
export type CliCode =
  | 'usage'
  | 'file_unreadable'
  | 'file_malformed'
  | 'address_in_use'
  | 'node_unreachable'
  | 'not_conserved'
  | 'backup_differs'
  | 'totals_differ'
  | 'payments_unresolved'
  | 'keys_forgotten'
  | 'deposits_refused'
  | 'interrupted'
  | 'not_ready'
  | 'move_called_off'
  | 'disk_failed'
  | 'internal'

/** A command that failed for a reason it knows. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  constructor(
    readonly code: string,
    sentence: string,
    /** Fields a program may want, such as file and offset of damage. */
    readonly details: Readonly<Record<string, unknown>> = {},
    readonly exitCode: ExitCode = exitCodes.failed,
  ) {
    super(sentence)
  }
}

/** Wrong usage that the option parser can't see by itself. */
export function wrongUsage(sentence: string): CommandFailed {
  return new CommandFailed('usage', sentence, {}, exitCodes.usage)
}

/** What is printed of an error. */
export interface Problem {
  readonly code: string
  readonly sentence: string
  readonly details: Readonly<Record<string, unknown>>
  readonly exitCode: ExitCode
}

/** Codes with which a caller got wrong what only the runtime can check. */
const usageCodes: ReadonlySet<string> = new Set([
  'invalid_options',
  'api_keys_required',
  'shards_differ',
  'settings_differ',
])

/** Translates any error. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CommandFailed) {
    const { code, message, details, exitCode } = error
    return { code, sentence: message, details, exitCode }
  }
  if (error instanceof CommanderError) {
    const sentence = capitalised(error.message.replace(/^error: /, ''))
    return { code: 'usage', sentence, details: {}, exitCode: exitCodes.usage }
  }
  if (error instanceof SuanpanError) return runtimeProblem(error)
  if (error instanceof NatsUnreachable || error instanceof NatsRefused) {
    const exitCode = error.code === 'nats_options' ? exitCodes.usage : exitCodes.failed
    return { code: error.code, sentence: capitalised(error.message), details: {}, exitCode }
  }
  const system = systemProblem(error)
  if (system !== undefined) return system
  return {
    code: 'internal',
    sentence: `A bug in suanpan: ${error instanceof Error ? error.message : String(error)}. Run again with SUANPAN_DEBUG=1 to see where, and report it.`,
    details: {},
    exitCode: exitCodes.failed,
  }
}

function runtimeProblem(error: SuanpanError): Problem {
  const place = (error as { place?: { file: string; offset: number } }).place
  return {
    code: error.code,
    sentence: error.message,
    details: place === undefined ? {} : { file: place.file, offset: place.offset },
    exitCode: usageCodes.has(error.code) ? exitCodes.usage : exitCodes.failed,
  }
}

const systemSentences: Readonly<Record<string, string>> = {
  ENOENT: 'There is no file or folder {path}; check the name.',
  ENOTDIR: 'A part of {path} is no folder; name another one.',
  EISDIR: '{path} is a folder; name a file.',
  EEXIST: '{path} exists already and is in the way.',
  EACCES: 'This user may not use {path}; change its permissions or use another one.',
  EPERM: 'This user may not use {path}; change its permissions or use another one.',
  EROFS: '{path} is on a file system that can only be read; use another one.',
  ENOSPC: 'The disk is full; make room and start again.',
  EDQUOT: 'The disk quota is used up; make room and start again.',
  EIO: 'The disk failed to read or write {path}; mend the disk and start again.',
  ENAMETOOLONG: '{path} is longer than the file system allows; name a shorter one.',
  ELOOP: '{path} is a link that leads back to itself; name another one.',
  EMFILE: 'This process may not open more files; raise its limit (ulimit -n).',
}

const diskCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])

/** Errors of the operating system, by their `code`. */
function systemProblem(error: unknown): Problem | undefined {
  const { code, path } = (error ?? {}) as { code?: unknown; path?: unknown }
  if (typeof code !== 'string') return undefined
  const { syscall } = error as { syscall?: unknown }
  const sentence =
    code === 'ENOENT' && syscall === 'mkdir'
      ? 'The folder {path} can not be made there; name another one.'
      : (systemSentences[code] ?? otherSentence(code, syscall, path))
  if (sentence === undefined) return undefined
  return {
    code: diskCodes.has(code) ? 'disk_failed' : 'file_unreadable',
    sentence: sentence.replace('{path}', typeof path === 'string' ? path : 'a file'),
    details: { system: code, ...(typeof path === 'string' ? { file: path } : {}) },
    exitCode: exitCodes.failed,
  }
}

/** What of the operating system has no sentence of its own; only its errors name a call. */
function otherSentence(code: string, syscall: unknown, path: unknown): string | undefined {
  if (typeof syscall !== 'string') return undefined
  const where = typeof path === 'string' ? ' of {path}' : ''
  return `The operating system answered ${code} to ${syscall}${where}; see to that and start again.`
}

/** With a capital letter and a full stop. */
function capitalised(text: string): string {
  const line = text.trim()
  const ended = /[.!?]$/.test(line) ? line : `${line}.`
  return ended.charAt(0).toUpperCase() + ended.slice(1)
}
