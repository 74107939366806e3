/** How bytes move: codec and links. The gateway is an entry of its own and never re-exported here. */
export {
  assertPlain,
  openRow,
  pack,
  packInto,
  RowWriter,
  ShapedCodec,
  unpack,
} from './codec/codec.js'
export { assertPlainBeside } from './codec/plain-check.js'
export { disownPromise, isWellFormed } from './codec/plain-rules.js'
export type { PlainReader } from './codec/plain-reader.js'
export type { Link } from './link/link.js'
export { memoryLinkPair } from './link/memory/memory-link.js'
export { LastingTrouble } from './nats/lasting-trouble.js'
export { inboxPrefixOf, natsRoles } from './nats/permissions.js'
export { PortLink } from './link/thread/port-link.js'
export { MessageMissing, NatsRefused, NatsUnreachable } from './nats/port.js'
export type {
  Appended,
  Bus,
  BusMessage,
  KeyBucket,
  KeyChange,
  KeyEntry,
  Nats,
  NatsFacts,
  NatsRefusedCode,
  NextPiece,
  StreamLog,
  StreamSettings,
} from './nats/port.js'
