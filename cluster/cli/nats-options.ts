/** The options of all commands that talk to a cluster: which one, through which servers, as whom. */
import { hostname } from 'node:os'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { inboxPrefixOf, natsRoles } from '../../transport/index.js'
import type { NatsOptions } from '../../transport/nats/index.js'

/** What the options give. */
export interface NatsWords {
  readonly nats?: readonly string[]
  readonly cluster: string
  readonly natsUser?: string
  readonly natsPassword?: string
  readonly natsCreds?: string
  readonly natsNkey?: string
  readonly natsCa?: string
  readonly natsCert?: string
  readonly natsKey?: string
  readonly natsTlsFirst?: boolean
  readonly natsInbox?: string
  readonly natsMonitor?: readonly string[]
}

export const natsUrlDefault = 'nats://127.0.0.1:4222'

/** Adds the options; `required` gives the servers a default. */
export function withNats(command: Command, required: boolean): Command {
  const servers = new Option('--nats <urls>', 'NATS servers, separated by commas')
    .env('SUANPAN_NATS')
    .argParser(serverList)
  return command
    .addOption(required ? servers.default([natsUrlDefault], natsUrlDefault) : servers)
    .addOption(
      new Option('--cluster <name>', 'name of the cluster')
        .env('SUANPAN_CLUSTER')
        .default('suanpan')
        .argParser(clusterName),
    )
    .addOption(new Option('--nats-user <name>', 'log in to NATS as').env('SUANPAN_NATS_USER'))
    .addOption(
      new Option('--nats-password <word>', 'better given as SUANPAN_NATS_PASSWORD').env(
        'SUANPAN_NATS_PASSWORD',
      ),
    )
    .addOption(new Option('--nats-creds <file>', 'credentials file').env('SUANPAN_NATS_CREDS'))
    .addOption(new Option('--nats-nkey <file>', 'file of an nkey seed').env('SUANPAN_NATS_NKEY'))
    .option('--nats-ca <file>', 'authority that signed the servers’ certificates')
    .option('--nats-cert <file>', 'certificate to show the servers')
    .option('--nats-key <file>', 'key of that certificate')
    .option('--nats-tls-first', 'the servers speak TLS before anything else')
    .addOption(
      new Option(
        '--nats-inbox <prefix>',
        'prefix of answers the user may hear [of the role, with --nats-user]',
      ).env('SUANPAN_NATS_INBOX'),
    )
    .addOption(
      new Option(
        '--nats-monitor <urls>',
        'monitoring addresses of the servers, to check how they sync',
      )
        .env('SUANPAN_NATS_MONITOR')
        .argParser(list),
    )
}

/** The words as the connection wants them. */
export function natsOptions(words: NatsWords, name: string): NatsOptions {
  const { natsUser, natsPassword, natsCreds, natsNkey, natsCa, natsCert, natsKey } = words
  const tls = {
    ...(natsCa === undefined ? {} : { caFile: natsCa }),
    ...(natsCert === undefined ? {} : { certFile: natsCert }),
    ...(natsKey === undefined ? {} : { keyFile: natsKey }),
    ...(words.natsTlsFirst === true ? { handshakeFirst: true } : {}),
  }
  return {
    servers: words.nats ?? [natsUrlDefault],
    name,
    ...(natsUser === undefined ? {} : { user: natsUser, ...inboxOf(natsUser) }),
    ...(words.natsInbox === undefined ? {} : { inboxPrefix: words.natsInbox }),
    ...(natsPassword === undefined ? {} : { password: natsPassword }),
    ...(natsCreds === undefined ? {} : { credentialsFile: natsCreds }),
    ...(natsNkey === undefined ? {} : { nkeySeedFile: natsNkey }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(words.natsMonitor === undefined ? {} : { monitoring: words.natsMonitor }),
  }
}

/** The users of the shipped server configuration hear their own inboxes only. */
function inboxOf(user: string): { inboxPrefix?: string } {
  const role = natsRoles.find((one) => one === user)
  return role === undefined ? {} : { inboxPrefix: inboxPrefixOf(role) }
}

/** Name of this machine's nodes when none is given: its host name, in the letters of names. */
export function nodeNameDefault(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9_-]/g, '-')
      .slice(0, 48) || 'node'
  )
}

/** Letters of the name of a node. */
export const nodeNameLettersMax = 64

export function nodeName(value: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(value) && value.length <= nodeNameLettersMax) return value
  throw new InvalidArgumentError(`It has 1 to ${nodeNameLettersMax} letters, digits, "-" and "_".`)
}

function clusterName(value: string): string {
  if (/^[A-Za-z0-9-]{1,32}$/.test(value)) return value
  throw new InvalidArgumentError('It has 1 to 32 letters, digits and "-".')
}

function list(value: string): string[] {
  return value.split(',').map((one) => one.trim())
}

function serverList(value: string): string[] {
  const servers = list(value)
  for (const server of servers) {
    const url = URL.canParse(server) ? new URL(server) : undefined
    if (url === undefined || !['nats:', 'tls:'].includes(url.protocol)) {
      throw new InvalidArgumentError(`"${server}" is no address such as ${natsUrlDefault}.`)
    }
  }
  return servers
}
