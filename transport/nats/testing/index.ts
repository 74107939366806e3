/** NATS for tests: real servers, breakable links, and what every implementation of the port promises. */
export { LinkProxy, type LinkDirection } from './link-proxy.js'
export { natsServerProgram } from './nats-server.js'
export { NatsServers, until, type NatsServersOptions } from './nats-servers.js'
export { natsContract, type NatsUnderTest } from './nats.contract.js'
