/** NATS for tests: real servers, breakable links, and what every implementation of the port promises. */
export { natsServerProgram } from '../local/nats-server.js'
export { NatsServers, until, type NatsServersOptions } from '../local/nats-servers.js'
export { LinkProxy, type LinkDirection } from '../local/link-proxy.js'
export { allStreams, backUpStream, restoreStream, type StreamBackup } from './stream-backup.js'
export { appendKnown } from './append-known.js'
export { natsContract, type NatsUnderTest } from './nats.contract.js'
export { Authority, type CertificateFiles } from './certificates.js'
export { OperatorMode } from './operator-mode.js'
