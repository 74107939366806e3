/** NATS for real: the one entry that loads its client. Embedded use never does. */
export { connectNats } from './connect.js'
export { inboxPrefixOf, permissionsOf, serverConfiguration } from './permissions.js'
export type { NatsOptions, NatsTlsFiles } from './options.js'
export type { NatsRole } from './permissions.js'
export { freePorts } from './local/free-ports.js'
export { LinkProxy, type LinkDirection } from './local/link-proxy.js'
export { natsServerProgram } from './local/nats-server.js'
export { NatsServers, type NatsServersOptions } from './local/nats-servers.js'
